package shared

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// spoken is where the Redis client's own words go; nil: nowhere.
var spoken atomic.Pointer[slog.Logger]

// TakeClientLog keeps the Redis client from writing plain lines to standard error
// about its connections: they go to where LogTo says, and before that nowhere.
// It is for a program's beginning, before there is any client.
func TakeClientLog() { redis.SetLogger(chatter{}) }

// LogTo sends what the Redis client says by itself to log, at level debug. What
// matters of it comes back as an error of a call too. It is for the whole process.
func LogTo(log *slog.Logger) { spoken.Store(log) }

type chatter struct{}

// Printf is go-redis's own interface.
func (chatter) Printf(ctx context.Context, format string, v ...any) {
	if log := spoken.Load(); log != nil {
		log.DebugContext(ctx, "redis client", "says", fmt.Sprintf(format, v...))
	}
}

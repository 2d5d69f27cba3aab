package shared

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// fit checks every master, and every replica that can be reached, for it may
// be a master tomorrow.
func (s *Store) fit(ctx context.Context) error {
	if s.single != nil {
		return fitMaster(ctx, s.single)
	}
	if err := s.cluster.ForEachMaster(ctx, fitMaster); err != nil {
		return err
	}
	return s.cluster.ForEachSlave(ctx, func(ctx context.Context, c *redis.Client) error {
		if err := fitServer(ctx, c); errors.Is(err, errUnfit) {
			return err
		}
		return nil
	})
}

// errUnfit wraps what a server would have to be configured for.
var errUnfit = errors.New("server is not fit for Sinho")

func fitMaster(ctx context.Context, c *redis.Client) error {
	if err := fitServer(ctx, c); err != nil {
		return err
	}
	info, err := c.Info(ctx, "replication").Result()
	if err != nil {
		return fmt.Errorf("%s: INFO replication: %w", c.Options().Addr, err)
	}
	if role := infoField(info, "role"); role != "master" {
		return fmt.Errorf("%w: %s is a %s, want a master", errUnfit, c.Options().Addr, role)
	}
	return nil
}

func fitServer(ctx context.Context, c *redis.Client) error {
	addr := c.Options().Addr
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("%s: INFO server: %w", addr, err)
	}
	if version := infoField(info, "redis_version"); !recent(version) {
		return fmt.Errorf("%w: %s runs Redis %q, want 6.2 or later", errUnfit, addr, version)
	}
	if info, err = c.Info(ctx, "memory").Result(); err != nil {
		return fmt.Errorf("%s: INFO memory: %w", addr, err)
	}
	if policy := infoField(info, "maxmemory_policy"); policy != "noeviction" {
		return fmt.Errorf("%w: %s has maxmemory-policy %q and would throw logins away when it is full: set it to noeviction", errUnfit, addr, policy)
	}
	return nil
}

// recent reports whether a version is 6.2 or later. Valkey tells the version of
// Redis it is compatible with.
func recent(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 6 || major == 6 && minor >= 2
}

// infoField finds a field in the answer to INFO.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

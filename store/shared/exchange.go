package shared

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"sinho/clock"
	"sinho/store"
)

// Everything nodes leave for each other lies in one slot, under keys that expire
// by themselves: a hash of what nodes left for each second, and one with the
// state, its version and second, and the highest number any of them has shown.
// Scripts judge by this server's clock, and tell it.
const hourOfSecond = `
local t = redis.call('TIME')
local sealed = math.floor((t[1] * 1000000 + t[2] - ARGV[1]) / 1000000) - 1
`

// leaveScript leaves one report.
//
//	KEYS  the state, the second
//	ARGV  how long a second is open, in µs; node, second, report, floor;
//	      TTLs in ms of second and state; how far a state may be ahead, in s
//
// It returns {taken, seconds, microseconds}.
const leaveScript = hourOfSecond + `
local have = redis.call('HMGET', KEYS[1], 'second', 'floor')
if tonumber(ARGV[5]) > tonumber(have[2] or '0') then
	redis.call('HSET', KEYS[1], 'floor', ARGV[5])
	redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
local second, stands = tonumber(ARGV[3]), tonumber(have[1] or '')
if stands and stands <= sealed + ARGV[8] and second <= stands
	or second <= sealed or second > tonumber(t[1]) then
	return {0, t[1], t[2]}
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return {1, t[1], t[2]}
`

// lookScript reads the state and sealed seconds, and changes nothing.
//
//	KEYS  the state, then seconds one after the other
//	ARGV  how long a second is open, in µs; version known; the first second
//
// It returns {sealed, seconds, microseconds, version, second, floor, state} and
// for every sealed second that has something {second, node, report, node, …}.
const lookScript = hourOfSecond + `
local have = redis.call('HMGET', KEYS[1], 'version', 'second', 'floor')
local state = ''
if have[1] and have[1] ~= ARGV[2] then
	state = redis.call('HGET', KEYS[1], 'state')
end
local answer = {sealed, t[1], t[2], have[1] or '', have[2] or '0', have[3] or '0', state}
for i = 2, #KEYS do
	local second = ARGV[3] + i - 2
	if second > sealed then
		break
	end
	local left = redis.call('HGETALL', KEYS[i])
	if #left > 0 then
		table.insert(left, 1, second)
		answer[#answer + 1] = left
	end
end
return answer
`

// advanceScript puts a state in place of another.
//
//	KEYS  the state
//	ARGV  how long a second is open, in µs; the version it replaces; its own;
//	      second, state, TTL in ms
//
// It returns {won, seconds, microseconds}.
const advanceScript = hourOfSecond + `
local stands = redis.call('HGET', KEYS[1], 'version') or ''
if stands == ARGV[3] then
	return {1, t[1], t[2]}
end
if stands ~= ARGV[2] or tonumber(ARGV[4]) > sealed then
	return {0, t[1], t[2]}
end
redis.call('HSET', KEYS[1], 'version', ARGV[3], 'second', ARGV[4], 'state', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {1, t[1], t[2]}
`

// Exchange is one node's place among all that share this store. Each of its
// methods is one script, so a retry of the client library finds what the first
// try has left; store.ErrUnavailable is every failure of the store itself.
type Exchange struct {
	store                *Store
	node                 string
	clock                *clock.Clock
	leave, look, advance *redis.Script
}

// Exchange is the place of a node by a name that is its alone, of this run too.
// Every answer tells clk the time.
func (s *Store) Exchange(node string, clk *clock.Clock) *Exchange {
	return &Exchange{
		store: s, node: node, clock: clk,
		leave: redis.NewScript(leaveScript), look: redis.NewScript(lookScript), advance: redis.NewScript(advanceScript),
	}
}

// Tell asks the server for its time, a few times over, and tells clk.
func (s *Store) Tell(ctx context.Context, clk *clock.Clock) error {
	bounded, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	for range 4 { // the first makes connections
		asked := clk.Machine()
		theirs, err := s.serverTime(bounded)
		if err != nil {
			return fmt.Errorf("ask for the time: %w: %w", store.ErrUnavailable, errors.Join(err, ctx.Err()))
		}
		clk.Saw(asked, clk.Machine(), theirs)
	}
	return nil
}

func (x *Exchange) stateKey() string { return x.store.tagged("lights") + "state" }

func (x *Exchange) secondKey(second int64) string {
	return x.store.tagged("lights") + "second" + strconv.FormatInt(second, 10)
}

// run is one script; its answer's three first parts are whole numbers, the last
// two of them the time.
func (x *Exchange) run(ctx context.Context, script *redis.Script, keys []string, args ...any) ([]any, int64, error) {
	asked := x.clock.Machine()
	reply, err := script.Run(ctx, x.store.client, keys, append([]any{store.Sealed.Microseconds()}, args...)...).Slice()
	answered := x.clock.Machine()
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", store.ErrUnavailable, errors.Join(err, ctx.Err()))
	}
	if len(reply) < 3 {
		return nil, 0, fmt.Errorf("%w: %d parts", errReply, len(reply))
	}
	first, ok := reply[0].(int64)
	seconds, err1 := wholeNumber(reply[1])
	micros, err2 := wholeNumber(reply[2])
	if !ok || err1 != nil || err2 != nil {
		return nil, 0, fmt.Errorf("%w: begins %v, %v, %v", errReply, reply[0], reply[1], reply[2])
	}
	x.clock.Saw(asked, answered, time.Unix(seconds, micros*1000))
	return reply[3:], first, nil
}

// wholeNumber is one that Redis gave as text.
func wholeNumber(part any) (int64, error) {
	text, ok := part.(string)
	if !ok {
		return 0, fmt.Errorf("%w: a number of type %T", errReply, part)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errReply, err)
	}
	return n, nil
}

// Leave implements live.Exchange.
func (x *Exchange) Leave(ctx context.Context, second int64, report []byte, floor int64) (bool, error) {
	_, taken, err := x.run(ctx, x.leave, []string{x.stateKey(), x.secondKey(second)},
		x.node, second, report, floor, store.LeftTTL.Milliseconds(), store.StateTTL.Milliseconds(), store.Ahead)
	if err != nil {
		return false, fmt.Errorf("leave a report: %w", err)
	}
	return taken == 1, nil
}

// Look implements live.Exchange.
func (x *Exchange) Look(ctx context.Context, after, upto int64, known string) (store.Sight, error) {
	keys := []string{x.stateKey()}
	for second := after + 1; second <= upto; second++ {
		keys = append(keys, x.secondKey(second))
	}
	rest, sealed, err := x.run(ctx, x.look, keys, known, after+1)
	if err != nil {
		return store.Sight{}, fmt.Errorf("look at the others: %w", err)
	}
	sight, err := seen(rest)
	if err != nil {
		return store.Sight{}, fmt.Errorf("look at the others: %w", err)
	}
	sight.Sealed = sealed
	return sight, nil
}

// Advance implements live.Exchange.
func (x *Exchange) Advance(ctx context.Context, from string, second int64, state []byte) (string, bool, error) {
	version := strconv.FormatInt(second, 10) + "/" + x.node
	_, won, err := x.run(ctx, x.advance, []string{x.stateKey()}, from, version, second, state, store.StateTTL.Milliseconds())
	if err != nil {
		return "", false, fmt.Errorf("advance the state: %w", err)
	}
	return version, won == 1, nil
}

// seen reads what lookScript answers behind the time.
func seen(parts []any) (store.Sight, error) {
	if len(parts) < 4 {
		return store.Sight{}, fmt.Errorf("%w: %d parts", errReply, len(parts))
	}
	var sight store.Sight
	version, ok1 := parts[0].(string)
	second, err1 := wholeNumber(parts[1])
	floor, err2 := wholeNumber(parts[2])
	state, ok2 := parts[3].(string)
	if err := errors.Join(err1, err2); err != nil {
		return sight, err
	}
	if !ok1 || !ok2 {
		return sight, fmt.Errorf("%w: a state of types %T, %T", errReply, parts[0], parts[3])
	}
	sight.Version, sight.Second, sight.Floor = version, second, floor
	if state != "" {
		sight.State = []byte(state)
	}
	for _, part := range parts[4:] {
		all, ok := part.([]any)
		if !ok || len(all)%2 != 1 {
			return sight, fmt.Errorf("%w: a second of type %T", errReply, part)
		}
		second, ok := all[0].(int64)
		if !ok {
			return sight, fmt.Errorf("%w: a second's number of type %T", errReply, all[0])
		}
		left := store.Left{Second: second, By: make(map[string][]byte, len(all)/2)}
		for i := 1; i < len(all); i += 2 {
			node, ok1 := all[i].(string)
			report, ok2 := all[i+1].(string)
			if !ok1 || !ok2 {
				return sight, fmt.Errorf("%w: a report of types %T, %T", errReply, all[i], all[i+1])
			}
			left.By[node] = []byte(report)
		}
		sight.Left = append(sight.Left, left)
	}
	return sight, nil
}

package shared

import (
	"errors"
	"fmt"

	"sinho/store"
)

// A record in Redis is one byte that says what it is, then:
//
//	v  the value
//	f  the fence of the server that minted it, 80 bytes, then the value
//	t  the tombstone's value
const (
	markValue     = 'v'
	markFenced    = 'f'
	markTombstone = 't'

	fenceLength = 80 // two ids of 40 hexadecimal digits
)

// recordValue is false for a tombstone and for what is not ours.
func recordValue(b []byte) ([]byte, bool) {
	switch {
	case len(b) >= 1 && b[0] == markValue:
		return b[1:], true
	case len(b) >= 1+fenceLength && b[0] == markFenced:
		return b[1+fenceLength:], true
	default:
		return nil, false
	}
}

// applyScript is the whole of Apply, all or nothing because it judges every op
// before it writes anything and because Redis runs nothing beside it.
//
//	KEYS  the attempt's key, then one key for each op
//	ARGV  the attempt's TTL in ms, "1" if durable, then four for each op:
//	      kind, value, TTL in ms, "1" if fenced
//
// It returns {repeated, 0, taken…} or {repeated, why, op, value}.
//
// The fence is the server's run id and its replication id. The run id ends
// with the process. The replication id ends with the server's reign: a master
// that is deposed and later promoted again, without a restart in between, has
// copied its deputy's records over its own and could give out a code twice.
//
// A repeated durable attempt writes its answer once more, because WAIT promises
// something only about what its own connection wrote, and a retry may come over
// another one.
const applyScript = `
local known = redis.call('GET', KEYS[1])
if known then
	if ARGV[2] == '1' then
		redis.call('SET', KEYS[1], known, 'KEEPTTL')
	end
	local answer = cmsgpack.unpack(known)
	answer[1] = 1
	return answer
end

local PUT, PUTNEW, TAKE, DELETE, HOLD = '1', '2', '3', '4', '5'
local ABSENT, TOMBSTONE, FENCE, DIFFERS = 1, 2, 3, 4

local mint
local function fence()
	if not mint then
		mint = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
			.. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
	end
	return mint
end

local answer, present = {0, 0}, {}

for i = 1, #KEYS - 1 do
	local kind, wanted = ARGV[4 * i - 1], ARGV[4 * i]
	if kind ~= PUT and kind ~= DELETE then
		local raw = redis.call('GET', KEYS[i + 1])
		local why, value = nil, ''
		if not raw then
			if kind ~= PUTNEW then
				why = ABSENT
			end
		else
			present[i] = true
			local mark = string.sub(raw, 1, 1)
			local minted = mark == 'f' and string.sub(raw, 2, 81)
			value = string.sub(raw, minted and 82 or 2)
			if mark == 't' then
				why = TOMBSTONE
			elseif kind == TAKE then
				if minted and minted ~= fence() then
					why, value = FENCE, ''
				end
			elseif (kind == PUTNEW or kind == HOLD) and value ~= wanted then
				why = DIFFERS
			end
		end
		if why then
			answer = {0, why, i - 1, value}
			break
		end
		if kind == TAKE then
			answer[#answer + 1] = value
		end
	end
end

if answer[2] == 0 then
	for i = 1, #KEYS - 1 do
		local kind, value, ttl = ARGV[4 * i - 1], ARGV[4 * i], ARGV[4 * i + 1]
		if kind == PUT or (kind == PUTNEW and not present[i]) then
			local mark = 'v'
			if ARGV[4 * i + 2] == '1' then
				mark = 'f' .. fence()
			end
			redis.call('SET', KEYS[i + 1], mark .. value, 'PX', ttl)
		elseif kind == TAKE then
			redis.call('SET', KEYS[i + 1], 't' .. value, 'PX', ttl)
		elseif kind == DELETE then
			redis.call('DEL', KEYS[i + 1])
		end
	end
end

redis.call('SET', KEYS[1], cmsgpack.pack(answer), 'PX', ARGV[1])
return answer
`

var errReply = errors.New("the script's reply makes no sense")

// outcome reads the script's reply.
func outcome(reply any) (store.Outcome, error) {
	parts, ok := reply.([]any)
	if !ok || len(parts) < 2 {
		return store.Outcome{}, fmt.Errorf("%w: %T", errReply, reply)
	}
	repeated, ok1 := parts[0].(int64)
	why, ok2 := parts[1].(int64)
	if !ok1 || !ok2 || why < 0 || why > int64(store.Differs) {
		return store.Outcome{}, fmt.Errorf("%w: begins %v, %v", errReply, parts[0], parts[1])
	}
	o := store.Outcome{Repeated: repeated == 1}
	rest := parts[2:]
	if why == 0 {
		for _, p := range rest {
			value, ok := p.(string)
			if !ok {
				return store.Outcome{}, fmt.Errorf("%w: took a %T", errReply, p)
			}
			o.Taken = append(o.Taken, []byte(value))
		}
		return o, nil
	}
	if len(rest) != 2 {
		return store.Outcome{}, fmt.Errorf("%w: a conflict of %d parts", errReply, len(rest))
	}
	op, ok1 := rest[0].(int64)
	value, ok2 := rest[1].(string)
	if !ok1 || !ok2 || op < 0 || op >= store.MaxOps {
		return store.Outcome{}, fmt.Errorf("%w: a conflict of %T, %T", errReply, rest[0], rest[1])
	}
	o.Conflict = &store.Conflict{Op: int(op), Why: store.Why(why)}
	if value != "" {
		o.Conflict.Value = []byte(value)
	}
	return o, nil
}

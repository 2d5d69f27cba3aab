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
//	      kind; value (of an Advance: generation and the next, 8 bytes each);
//	      TTL in ms; "1" if fenced (of an Append: how many entries to keep, and
//	      how many bytes name one)
//
// It returns {repeated, 0, taken…} or {repeated, why, op, value}.
//
// The fence is the server's run id and its replication id. The run id ends
// with the process. The replication id ends with the server's reign: a master
// that is deposed and later promoted again, without a restart in between, has
// copied its deputy's records over its own and could give out a code twice.
//
// Generations are compared byte by byte: Redis sets a locale, by which Lua would
// order strings.
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
local FETCH, ADVANCE, APPEND, CONTAINS = '7', '8', '9', '10'
local ABSENT, TOMBSTONE, FENCE, DIFFERS = 1, 2, 3, 4

local mint
local function fence()
	if not mint then
		mint = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
			.. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
	end
	return mint
end

-- Whether the value has no generation, or a later one than wanted.
local function beyond(value, wanted)
	for n = 1, 8 do
		local has, wants = string.byte(value, n), string.byte(wanted, n)
		if has ~= wants then
			return not has or has > wants
		end
	end
	return false
end

-- The entries of a list that begin otherwise than the one to come.
local function others(list, entry, same)
	if same == 0 then
		return list
	end
	local name, kept = string.sub(entry, 1, same), {}
	for at = 1, #list, #entry do
		if string.sub(list, at, at + same - 1) ~= name then
			kept[#kept + 1] = string.sub(list, at, at + #entry - 1)
		end
	end
	return table.concat(kept)
end

local answer, heads, values = {0, 0}, {}, {}

for i = 1, #KEYS - 1 do
	local kind, wanted = ARGV[4 * i - 1], ARGV[4 * i]
	if kind ~= PUT and kind ~= DELETE then
		local raw = redis.call('GET', KEYS[i + 1])
		local why, value = nil, ''
		if not raw then
			if kind ~= PUTNEW and kind ~= APPEND then
				why = ABSENT
			end
		else
			local mark = string.sub(raw, 1, 1)
			local minted = mark == 'f' and string.sub(raw, 2, 81)
			value = string.sub(raw, minted and 82 or 2)
			heads[i], values[i] = string.sub(raw, 1, minted and 81 or 1), value
			if mark == 't' then
				why = TOMBSTONE
			elseif kind == TAKE then
				if minted and minted ~= fence() then
					why, value = FENCE, ''
				end
			elseif (kind == PUTNEW or kind == HOLD) and value ~= wanted
				or kind == ADVANCE and beyond(value, wanted)
				or kind == APPEND and #value % #wanted ~= 0
				or kind == CONTAINS and not string.find(value, wanted, 1, true) then
				why = DIFFERS
			end
		end
		if why then
			answer = {0, why, i - 1, value}
			break
		end
		if kind == TAKE or kind == FETCH or kind == ADVANCE then
			answer[#answer + 1] = value
		end
	end
end

if answer[2] == 0 then
	for i = 1, #KEYS - 1 do
		local kind, value, ttl = ARGV[4 * i - 1], ARGV[4 * i], ARGV[4 * i + 1]
		if kind == PUT or (kind == PUTNEW and not values[i]) then
			local mark = 'v'
			if ARGV[4 * i + 2] == '1' then
				mark = 'f' .. fence()
			end
			redis.call('SET', KEYS[i + 1], mark .. value, 'PX', ttl)
		elseif kind == TAKE then
			redis.call('SET', KEYS[i + 1], 't' .. value, 'PX', ttl)
		elseif kind == ADVANCE then
			redis.call('SET', KEYS[i + 1], heads[i] .. string.sub(value, 9) .. string.sub(values[i], 9), 'PX', ttl)
		elseif kind == APPEND then
			local keep, same = string.match(ARGV[4 * i + 2], '(%d+) (%d+)')
			local list = others(values[i] or '', value, tonumber(same)) .. value
			local surplus = math.max(0, #list - #value * tonumber(keep))
			local life = math.max(tonumber(ttl), redis.call('PTTL', KEYS[i + 1]))
			redis.call('SET', KEYS[i + 1], (heads[i] or 'v') .. string.sub(list, surplus + 1), 'PX', string.format('%.0f', life))
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

package shared

// A queue lies in one slot, under four keys that are there while it has items:
//
//	due    a sorted set, id → when it may be leased, in µs since 1970
//	since  a sorted set, id → when it was pushed, in µs
//	items  a hash, id → item
//	held   a hash, id → "h" (held) or "b" (given back), attempts, ":", lease
//
// Scripts that change it are given the first four keys in this order. Times are
// this server's, and whole numbers below 2^53: never joined to a string, which
// would round them.
const queueNow = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
`

// pushScript adds an item, or finds it there.
//
//	ARGV  id, item, due in µs, most items
//
// It returns 1, or 0 when the queue is full. An item that is there is written
// once more, for WAIT promises something only about what its own connection
// wrote.
const pushScript = queueNow + `
local id = ARGV[1]
local there = redis.call('HGET', KEYS[3], id)
if there then
	redis.call('HSET', KEYS[3], id, there)
	return 1
end
if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[4]) then
	return 0
end
redis.call('HSET', KEYS[3], id, ARGV[2])
redis.call('ZADD', KEYS[2], now, id)
redis.call('ZADD', KEYS[1], math.max(now, tonumber(ARGV[3])), id)
return 1
`

// leaseScript gives out what is due.
//
//	ARGV  most items, for how long in µs, lease
//
// It returns {id, item, attempts, pushed in µs} for each.
const leaseScript = queueNow + `
local answer = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
	local held = redis.call('HGET', KEYS[4], id)
	local attempts = (held and tonumber(string.match(held, '^%a(%d+):')) or 0) + 1
	redis.call('HSET', KEYS[4], id, 'h' .. attempts .. ':' .. ARGV[3])
	redis.call('ZADD', KEYS[1], now + ARGV[2], id)
	answer[#answer + 1] = {id, redis.call('HGET', KEYS[3], id), attempts, tonumber(redis.call('ZSCORE', KEYS[2], id))}
end
return answer
`

// doneScript removes an item.
//
//	KEYS  and a fifth: that this lease has done this item
//	ARGV  id, lease, the TTL of the fifth key in ms
//
// It returns 1, or 0 when the lease is lost.
const doneScript = `
if redis.call('EXISTS', KEYS[5]) == 1 then
	return 1
end
local held = redis.call('HGET', KEYS[4], ARGV[1])
if not held or string.match(held, '^h%d+:(.*)$') ~= ARGV[2] then
	return 0
end
redis.call('SET', KEYS[5], '', 'PX', ARGV[3])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
return 1
`

// laterScript gives an item back.
//
//	ARGV  id, lease, due in µs
//
// It returns 1, or 0 when the lease is lost.
const laterScript = queueNow + `
local held = redis.call('HGET', KEYS[4], ARGV[1])
local attempts, lease = string.match(held or '', '^%a(%d+):(.*)$')
if lease ~= ARGV[2] then
	return 0
end
redis.call('HSET', KEYS[4], ARGV[1], 'b' .. attempts .. ':' .. lease)
redis.call('ZADD', KEYS[1], math.max(now, tonumber(ARGV[3])), ARGV[1])
return 1
`

// lengthScript counts, and finds the oldest. It changes nothing.
//
// It returns {items} or {items, pushed in µs}.
const lengthScript = `
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {redis.call('ZCARD', KEYS[2]), tonumber(oldest[2])}
`

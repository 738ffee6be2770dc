-- Counters in memory: every guard works on these, and only when all guards
-- have passed is anything written. A counter is the string "used:sequence:free":
-- uses that count, movements so far, and how many slots below the highest were
-- given back. Given-back slots wait in a sorted set beside it, so the lowest is
-- taken first and slot numbers never pass the limit.

local function load_counter(state, k)
  local counter = state.counters[k]
  if counter == nil then
    local value = state.values[k]
    counter = { used = 0, sequence = 0, free = 0, popped = {}, pushed = {} }
    if value then
      local used, sequence, free = string.match(value, '^(%d+):(%d+):(%d+)$')
      counter.used, counter.sequence, counter.free = tonumber(used), tonumber(sequence), tonumber(free)
    end
    state.counters[k] = counter
  end
  return counter
end

-- Lowest slot that nobody has: first one pushed in this call, then one from the
-- set, else one above the highest.
local function take_slot(state, counter, free_k)
  if counter.free == 0 then
    return counter.used + 1
  end
  local lowest, at = nil, nil
  for i, slot in ipairs(counter.pushed) do
    if lowest == nil or slot < lowest then lowest, at = slot, i end
  end
  local stored = redis.call('ZRANGE', state.keys[free_k], #counter.popped, #counter.popped)[1]
  stored = stored and tonumber(stored)
  counter.free = counter.free - 1
  if stored ~= nil and (lowest == nil or stored < lowest) then
    counter.popped[#counter.popped + 1] = stored
    return stored
  end
  table.remove(counter.pushed, at)
  return lowest
end

local function give_slot(counter, slot)
  local highest = counter.used + counter.free
  counter.used = counter.used - 1
  if slot ~= highest then
    counter.free = counter.free + 1
    counter.pushed[#counter.pushed + 1] = slot
  end
end

local function store_counter(state, k, counter)
  local value = string.format('%d:%d:%d', counter.used, counter.sequence, counter.free)
  if counter.expire_at and counter.expire_at > 0 then
    redis.call('SET', state.keys[k], value, 'PXAT', string.format('%d', counter.expire_at))
  else
    redis.call('SET', state.keys[k], value, 'KEEPTTL')
  end
  local free_key = counter.free_k and state.keys[counter.free_k]
  for _, slot in ipairs(counter.popped) do
    redis.call('ZREM', free_key, string.format('%d', slot))
  end
  for _, slot in ipairs(counter.pushed) do
    redis.call('ZADD', free_key, slot, string.format('%d', slot))
  end
  if free_key and #counter.pushed > 0 and counter.expire_at and counter.expire_at > 0 then
    redis.call('PEXPIREAT', free_key, string.format('%d', counter.expire_at))
  end
end

-- Sums of money are the string "total:sequence", whole minor units below 2^53,
-- which a Lua number holds exactly.
local function load_sum(state, k)
  local sum = state.sums[k]
  if sum == nil then
    sum = { total = 0, sequence = 0 }
    local value = state.values[k]
    if value then
      local total, sequence = string.match(value, '^(%d+):(%d+)$')
      sum.total, sum.sequence = tonumber(total), tonumber(sequence)
    end
    state.sums[k] = sum
  end
  return sum
end

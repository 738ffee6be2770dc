-- Limits in memory: every guard works on these, and they are written when all
-- plans are through. A counter is the string "used:sequence:free": uses that
-- count, movements so far, and how many slots below the highest were given back.
-- Given-back slots wait in a sorted set beside it, so the lowest is taken first
-- and slot numbers pass the limit only where that set was lost.

local function copy_list(list)
  return list and { unpack(list) }
end

local function copy_counter(counter)
  return {
    used = counter.used, sequence = counter.sequence, free = counter.free,
    free_key = counter.free_key, expire_at = counter.expire_at, keeps_end = counter.keeps_end,
    pushed = copy_list(counter.pushed), popped = copy_list(counter.popped),
  }
end

-- No store of ours writes a number below zero, but one that lost writes may
-- have: it must not end the use of a campaign, nor widen a limit.
local function not_negative(number)
  number = tonumber(number)
  return number > 0 and number or 0
end

local function load_counter(k)
  local counter = COUNTERS[k]
  if counter == nil then
    counter = { used = 0, sequence = 0, free = 0 }
    local value = VALUES[k]
    if value then
      local used, sequence, free = match(value, '^(%-?%d+):(%d+):(%-?%d+)$')
      counter.used, counter.sequence, counter.free = not_negative(used), tonumber(sequence), not_negative(free)
    end
    COUNTERS[k], BEFORE[k] = counter, false
  elseif BEFORE[k] == nil then
    BEFORE[k] = copy_counter(counter)
  end
  return counter
end

-- Lowest slot that nobody has: of those given back in this call or before it,
-- else one above the highest.
local function take_slot(counter)
  if counter.free == 0 then
    return counter.used + 1
  end
  counter.free = counter.free - 1
  local pushed, popped = counter.pushed or {}, counter.popped or {}
  counter.popped = popped
  local lowest, at = nil, nil
  for i, slot in ipairs(pushed) do
    if lowest == nil or slot < lowest then lowest, at = slot, i end
  end
  local stored = call('ZRANGE', counter.free_key, #popped, #popped)[1]
  stored = stored and tonumber(stored)
  if stored ~= nil and (lowest == nil or stored < lowest) then
    popped[#popped + 1] = stored
    return stored
  end
  if lowest == nil then
    -- Which slots were given back is lost. Any below the highest may be somebody's;
    -- the number of uses is what the limit bounds.
    counter.free = counter.free + 1
    return counter.used + counter.free + 1
  end
  table.remove(pushed, at)
  return lowest
end

-- Whether nobody has a slot: it is above all that were taken, or was given back.
local function is_free(counter, slot)
  if slot > counter.used + counter.free then
    return true
  end
  for _, pushed in ipairs(counter.pushed or {}) do
    if pushed == slot then return true end
  end
  for _, popped in ipairs(counter.popped or {}) do
    if popped == slot then return false end
  end
  return counter.free > 0 and call('ZSCORE', counter.free_key, text(slot)) and true
end

local function give_slot(counter, slot)
  -- The use was lost in a failover: there is nothing to give back.
  if counter.used == 0 or is_free(counter, slot) then
    return
  end
  local highest = counter.used + counter.free
  counter.used = counter.used - 1
  if slot ~= highest then
    counter.free = counter.free + 1
    counter.pushed = counter.pushed or {}
    counter.pushed[#counter.pushed + 1] = slot
  end
end

-- Writes what moved. Counters without an end go into `pairs_`, to be set in one
-- go; those of a period are collected some time after it.
local function store_counter(k, counter, pairs_)
  local value = text(counter.used) .. ':' .. text(counter.sequence) .. ':' .. text(counter.free)
  local expire_at = counter.expire_at
  if expire_at then
    call('SET', KEYS_[k], value, 'PXAT', expire_at)
  elseif counter.keeps_end then
    call('SET', KEYS_[k], value, 'KEEPTTL')
  else
    pairs_[#pairs_ + 1] = KEYS_[k]
    pairs_[#pairs_ + 1] = value
  end
  for _, slot in ipairs(counter.popped or {}) do
    call('ZREM', counter.free_key, text(slot))
  end
  for _, slot in ipairs(counter.pushed or {}) do
    call('ZADD', counter.free_key, text(slot), text(slot))
  end
  if counter.pushed then
    -- Slots given back last as long as their counter, also where it has its end
    -- from an earlier call; without one that is no time at all.
    local ends = call('PEXPIRETIME', KEYS_[k])
    if ends > 0 then
      call('PEXPIREAT', counter.free_key, format('%d', ends))
    end
  end
end

-- Sums of money are the string "total:sequence", whole minor units below 2^53,
-- which a Lua number holds exactly.
local function load_sum(k)
  local sum = SUMS[k]
  if sum == nil then
    sum = { total = 0, sequence = 0 }
    local value = VALUES[k]
    if value then
      local total, sequence = match(value, '^(%-?%d+):(%d+)$')
      sum.total, sum.sequence = not_negative(total), tonumber(sequence)
    end
    SUMS[k], BEFORE[k] = sum, false
  elseif BEFORE[k] == nil then
    BEFORE[k] = { total = sum.total, sequence = sum.sequence }
  end
  return sum
end

-- Takes back what the plan in progress did to limits. One that it was the first
-- to touch is not written at all.
local function restore_limits()
  for k, before in pairs(BEFORE) do
    local limits = COUNTERS[k] and COUNTERS or SUMS
    limits[k] = before or nil
  end
end

local function store_limits()
  local pairs_ = {}
  for k, counter in pairs(COUNTERS) do
    store_counter(k, counter, pairs_)
  end
  for k, sum in pairs(SUMS) do
    pairs_[#pairs_ + 1] = KEYS_[k]
    pairs_[#pairs_ + 1] = text(sum.total) .. ':' .. text(sum.sequence)
  end
  if #pairs_ > 0 then
    call('MSET', unpack(pairs_))
  end
end

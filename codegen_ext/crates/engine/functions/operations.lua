-- The operations of a plan. Each has a guard, which reads and decides in
-- memory, or a write, which runs only after every guard of its plan has passed,
-- or both. `at` is the place of the operation's letter in ARGS; its arguments
-- follow. A guard returns nothing when it passes, or the answer of the plan.

local STALE, REFUSED, CHANGED, REUSED, MOVED, FAILED = -1, -2, -3, -4, -5, -6
local FRESH, REPLAYED, FOUND = 0, 1, 2

local arity, guards, writes = {}, {}, {}

-- V key version: the definition that the caller decided by is still in force. A
-- caller may know of a newer one before this place does, never the other way.
arity.V = 2
guards.V = function(at)
  local version = VALUES[ARGS[at + 1]]
  if not version or tonumber(version) > ARGS[at + 2] then
    return { STALE }
  end
end

-- I key mark ttl_ms: the first answer to this request id, if there is one. The
-- mark is the fingerprint (16 bytes) and a byte that tells where the call's
-- records are; kept is the mark and the answer. It is written after everything
-- else, since only then is it known. One id may be kept in several places: these
-- operations follow each other.
arity.I = 3
guards.I = function(at)
  local value = VALUES[ARGS[at + 1]]
  if value then
    if string.sub(value, 1, 16) == string.sub(ARGS[at + 2], 1, 16) then
      return { REPLAYED, string.sub(value, 17) }
    end
    return { REUSED }
  end
end

-- `at` is the place of the first of them.
local function keep_answer(at)
  repeat
    set_string(at + 1, ARGS[at + 2] .. ANSWER, 'PX', ARGS[at + 3])
    at = at + 1 + arity.I
  until ARGS[at] ~= 'I'
end

-- R key: an earlier publication that answers this call too (by the caller's
-- own id, or because the customer is to hold one only).
arity.R = 1
guards.R = function(at)
  local value = VALUES[ARGS[at + 1]]
  if value then
    return { FOUND, value }
  end
end

-- A key: nothing is there yet.
arity.A = 1
guards.A = function(at)
  if VALUES[ARGS[at + 1]] then
    return { CHANGED }
  end
end

-- E key expected: the record is still the one that the caller read.
arity.E = 2
guards.E = function(at)
  if VALUES[ARGS[at + 1]] ~= ARGS[at + 2] then
    return { CHANGED }
  end
end

-- X holds_key now_ms: a refusal says whether one of these holds is overdue, and
-- so may have in its hands what was refused.
arity.X = 2
guards.X = function(at)
  WATCHED[#WATCHED + 1] = at
end

local function is_a_hold_overdue()
  for _, at in ipairs(WATCHED) do
    if call('ZRANGEBYSCORE', key_at(at + 1), '-inf', ARGS[at + 2], 'LIMIT', 0, 1)[1] then
      return true
    end
  end
  return false
end

-- C key free_key limit: takes a use within the limit.
arity.C = 3
guards.C = function(at, number)
  local counter = load_counter(ARGS[at + 1])
  if counter.used >= ARGS[at + 3] then
    return { REFUSED, number }
  end
  counter.free_key = key_at(at + 2)
  local slot = take_slot(counter)
  counter.used = counter.used + 1
  counter.sequence = counter.sequence + 1
  add_result(slot, counter.sequence, counter.used)
end

-- P key free_key limit expire_at_ms: as C, for a period; the counter is
-- collected at that time.
arity.P = 4
guards.P = function(at, number)
  load_counter(ARGS[at + 1]).expire_at = ARGS[at + 4]
  return guards.C(at, number)
end

-- K key slot: keeps a use that the caller's own hold has taken.
arity.K = 2
guards.K = function(at)
  local counter = load_counter(ARGS[at + 1])
  counter.keeps_end = true
  counter.sequence = counter.sequence + 1
  add_result(ARGS[at + 2], counter.sequence, counter.used)
end

-- U key free_key slot: gives a use back; its slot is free again.
arity.U = 3
guards.U = function(at)
  local k, slot = ARGS[at + 1], ARGS[at + 3]
  -- A counter whose period is over was collected: nothing to give back to.
  if not VALUES[k] and not COUNTERS[k] then
    add_result(slot, 0, 0)
    return
  end
  local counter = load_counter(k)
  counter.free_key, counter.keeps_end = key_at(at + 2), true
  give_slot(counter, slot)
  counter.sequence = counter.sequence + 1
  add_result(slot, counter.sequence, counter.used)
end

-- M key amount cap held: adds to a budget within its cap; `held` of the amount
-- was added by the caller's own hold.
arity.M = 4
guards.M = function(at, number)
  local sum = load_sum(ARGS[at + 1])
  local more = ARGS[at + 2] - ARGS[at + 4]
  local total = sum.total + more
  if more > 0 and total > ARGS[at + 3] then
    return { REFUSED, number }
  end
  sum.total, sum.sequence = total > 0 and total or 0, sum.sequence + 1
  add_result(0, sum.sequence, sum.total)
end

-- W key amount: takes an amount back out of a budget.
arity.W = 2
guards.W = function(at)
  local k = ARGS[at + 1]
  -- A budget that is gone has nothing to give back to.
  if not VALUES[k] and not SUMS[k] then
    add_result(0, 0, 0)
    return
  end
  local sum = load_sum(k)
  sum.total, sum.sequence = not_negative(sum.total - ARGS[at + 2]), sum.sequence + 1
  add_result(0, sum.sequence, sum.total)
end

-- B key offset last_offset held: sets a bit that nobody has set, or that the
-- caller's own hold has.
arity.B = 4
guards.B = function(at, number)
  local page, offset = key_at(at + 1), ARGS[at + 2]
  if load_bit(page, offset) == 1 and ARGS[at + 4] ~= 1 then
    return { REFUSED, number }
  end
  want_bit(page, offset, 1)
  RESULTS[#RESULTS + 1] = '1:0:1'
end
writes.B = function(at)
  keep_bit(key_at(at + 1), ARGS[at + 2], 1, ARGS[at + 3])
end

-- F page_key offset last_offset key free_key limit: takes a use of a code that
-- may have more than its bit: the bit is the first use, further ones are in a
-- counter whose slot 1 stands for the bit.
arity.F = 6
guards.F = function(at, number)
  local page, offset, k = key_at(at + 1), ARGS[at + 2], ARGS[at + 4]
  local bit = load_bit(page, offset)
  local has_counter = VALUES[k] or COUNTERS[k]
  local further = has_counter and math.max(load_counter(k).used, 1) - 1 or 0
  if bit + further >= ARGS[at + 6] then
    return { REFUSED, number }
  end
  want_bit(page, offset, 1)
  if bit == 0 then
    RESULTS[#RESULTS + 1] = '1:0:1'
    return
  end
  local counter = load_counter(k)
  counter.used = math.max(counter.used, 1)
  counter.free_key = key_at(at + 5)
  local slot = take_slot(counter)
  counter.used = counter.used + 1
  counter.sequence = counter.sequence + 1
  add_result(slot, counter.sequence, counter.used)
end
writes.F = writes.B

-- Z key offset: clears a bit.
arity.Z = 2
guards.Z = function(at)
  want_bit(key_at(at + 1), ARGS[at + 2], 0)
  RESULTS[#RESULTS + 1] = '1:0:0'
end
writes.Z = function(at)
  keep_bit(key_at(at + 1), ARGS[at + 2], 0)
end

-- O key offset: marks something as done, once.
arity.O = 2
guards.O = function(at, number)
  if call('GETBIT', key_at(at + 1), ARGS[at + 2]) == 1 then
    return { REFUSED, number }
  end
end
writes.O = function(at)
  call('SETBIT', key_at(at + 1), ARGS[at + 2], 1)
end

-- T key ttl_ms: collects a key after a time.
arity.T = 2
writes.T = function(at)
  call('PEXPIRE', key_at(at + 1), ARGS[at + 2])
end

-- H key record ttl_ms: keeps a record and what the limits answered after it; a
-- ttl of 0 keeps it for good.
arity.H = 3
writes.H = function(at)
  local value = ARGS[at + 2] .. table.concat(RESULTS, ',')
  if ARGS[at + 3] == 0 then
    set_string(at + 1, value)
  else
    set_string(at + 1, value, 'PX', ARGS[at + 3])
  end
end

-- D key: removes a record.
arity.D = 1
writes.D = function(at)
  VALUES[ARGS[at + 1]] = false
  call('DEL', key_at(at + 1))
end

-- S key score member: puts a member into an ordered set.
arity.S = 3
writes.S = function(at)
  call('ZADD', key_at(at + 1), ARGS[at + 2], ARGS[at + 3])
end

-- Q key member: takes a member out of an ordered set.
arity.Q = 2
writes.Q = function(at)
  call('ZREM', key_at(at + 1), ARGS[at + 2])
end

-- L ledger_key outbox_key blob: appends to the ledger. The entry's id is the
-- answer that is kept. Consumers learn of it from the outbox, which gets one entry
-- for all plans that came together.
arity.L = 3
writes.L = function(at)
  ANSWER = call('XADD', key_at(at + 1), '*', 'b', ARGS[at + 3], 'o', table.concat(RESULTS, ','))
  local outbox = key_at(at + 2)
  NOTICES[outbox] = NOTICES[outbox] or {}
  table.insert(NOTICES[outbox], ANSWER)
end

local function store_notices()
  for outbox, entries in pairs(NOTICES) do
    call('XADD', outbox, '*', 'l', table.concat(entries, ' '))
  end
end

-- Y text: the answer to keep where nothing goes to the ledger.
arity.Y = 1
writes.Y = function(at)
  ANSWER = ARGS[at + 1]
end

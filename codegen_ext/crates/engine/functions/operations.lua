-- The operations of a commit. Each has a guard, which reads and decides in
-- memory, and may have a write, which runs only after every guard has passed,
-- and a finish, which runs after every write.
-- A guard returns nothing when it passes, or the answer of the whole call.

local STALE, REFUSED, CHANGED, REUSED, MOVED = -1, -2, -3, -4, -5
local FRESH, REPLAYED, FOUND = 0, 1, 2

local operations = {}

-- V key expected: the definition that the caller decided by is still in force.
operations.V = {
  arity = 2,
  guard = function(state, op)
    if (state.values[op[1]] or '') ~= op[2] then
      return { STALE }
    end
  end,
}

-- I key fingerprint ttl_ms: the first answer to this request id, if there is
-- one. What is kept is the fingerprint (16 bytes) and where the answer lies.
operations.I = {
  arity = 3,
  guard = function(state, op)
    local value = state.values[op[1]]
    if value then
      if string.sub(value, 1, 16) == op[2] then
        return { REPLAYED, string.sub(value, 17) }
      end
      return { REUSED }
    end
  end,
  -- After every other write, since the answer is known only then.
  finish = function(state, op)
    redis.call('SET', state.keys[op[1]], op[2] .. state.answer, 'PX', op[3])
  end,
}

-- R key: an earlier publication that answers this call too (by the caller's
-- own id, or because the customer is to hold one only).
operations.R = {
  arity = 1,
  guard = function(state, op)
    local value = state.values[op[1]]
    if value then
      return { FOUND, value }
    end
  end,
}

-- A key: nothing is there yet.
operations.A = {
  arity = 1,
  guard = function(state, op)
    if state.values[op[1]] then
      return { CHANGED }
    end
  end,
}

-- E key expected: the record is still the one that the caller read.
operations.E = {
  arity = 2,
  guard = function(state, op)
    if state.values[op[1]] ~= op[2] then
      return { CHANGED }
    end
  end,
}

-- C key free_key limit held_slot expire_at_ms: takes a use within the limit.
-- A use that the caller's own hold has taken already (held_slot > 0) is kept.
operations.C = {
  arity = 5,
  guard = function(state, op, number)
    local counter = load_counter(state, op[1])
    counter.free_k, counter.expire_at = tonumber(op[2]), tonumber(op[5])
    local slot = tonumber(op[4])
    if slot == 0 then
      if counter.used >= tonumber(op[3]) then
        return { REFUSED, number }
      end
      slot = take_slot(state, counter, counter.free_k)
      counter.used = counter.used + 1
    end
    counter.sequence = counter.sequence + 1
    state:result(slot, counter.sequence, counter.used)
  end,
}

-- U key free_key slot: gives a use back, once; its slot is free again.
operations.U = {
  arity = 3,
  guard = function(state, op)
    -- A counter whose period is over was collected: nothing to give back to.
    if not state.values[op[1]] and not state.counters[op[1]] then
      state:result(tonumber(op[3]), 0, 0)
      return
    end
    local counter = load_counter(state, op[1])
    counter.free_k = tonumber(op[2])
    give_slot(counter, tonumber(op[3]))
    counter.sequence = counter.sequence + 1
    state:result(tonumber(op[3]), counter.sequence, counter.used)
  end,
}

-- M key amount cap held_amount expire_at_ms: adds to a budget within its cap.
operations.M = {
  arity = 5,
  guard = function(state, op, number)
    local sum = load_sum(state, op[1])
    local total = sum.total + tonumber(op[2]) - tonumber(op[4])
    if total > tonumber(op[3]) and tonumber(op[2]) > tonumber(op[4]) then
      return { REFUSED, number }
    end
    sum.total, sum.sequence = total, sum.sequence + 1
    state:result(0, sum.sequence, sum.total)
  end,
}

-- W key amount: takes an amount back out of a budget.
operations.W = {
  arity = 2,
  guard = function(state, op)
    local sum = load_sum(state, op[1])
    sum.total, sum.sequence = sum.total - tonumber(op[2]), sum.sequence + 1
    state:result(0, sum.sequence, sum.total)
  end,
}

-- B key offset last_offset held: sets a bit that nobody has set.
operations.B = {
  arity = 4,
  guard = function(state, op, number)
    local name = op[1] .. ':' .. op[2]
    local bit = state.bits[name]
    if bit == nil then
      bit = redis.call('GETBIT', state.keys[op[1]], op[2])
    end
    if bit == 1 and op[4] ~= '1' then
      return { REFUSED, number }
    end
    state.bits[name] = 1
    state:result(1, 0, 1)
  end,
  write = function(state, op)
    local key = state.keys[op[1]]
    -- A page is made at its full size: growing it bit by bit would allocate
    -- twice what it needs.
    if redis.call('STRLEN', key) == 0 then
      redis.call('SETBIT', key, op[3], 0)
    end
    redis.call('SETBIT', key, op[2], 1)
  end,
}

-- Z key offset: clears a bit.
operations.Z = {
  arity = 2,
  guard = function(state, op)
    state.bits[op[1] .. ':' .. op[2]] = 0
    state:result(1, 0, 0)
  end,
  write = function(state, op)
    redis.call('SETBIT', state.keys[op[1]], op[2], 0)
  end,
}

-- O key offset: sets a bit once that marks something as done.
operations.O = {
  arity = 2,
  guard = function(state, op, number)
    if redis.call('GETBIT', state.keys[op[1]], op[2]) == 1 then
      return { REFUSED, number }
    end
  end,
  write = function(state, op)
    redis.call('SETBIT', state.keys[op[1]], op[2], 1)
  end,
}

-- T key ttl_ms: collects a key after a time.
operations.T = {
  arity = 2,
  write = function(state, op)
    redis.call('PEXPIRE', state.keys[op[1]], op[2])
  end,
}

-- H key prefix ttl_ms: keeps a record: the text and what the limits answered.
operations.H = {
  arity = 3,
  write = function(state, op)
    redis.call('SET', state.keys[op[1]], op[2] .. state:joined_results(), 'PX', op[3])
  end,
}

-- D key: removes a record.
operations.D = {
  arity = 1,
  write = function(state, op)
    redis.call('DEL', state.keys[op[1]])
  end,
}

-- S key score member: puts a member into an ordered set.
operations.S = {
  arity = 3,
  write = function(state, op)
    redis.call('ZADD', state.keys[op[1]], op[2], op[3])
  end,
}

-- Q key member: takes a member out of an ordered set.
operations.Q = {
  arity = 2,
  write = function(state, op)
    redis.call('ZREM', state.keys[op[1]], op[2])
  end,
}

-- L ledger_key outbox_key kind blob: appends to the ledger, and to the outbox
-- where consumers learn of it. The entry's id is the answer that is kept.
operations.L = {
  arity = 4,
  write = function(state, op)
    local id = redis.call('XADD', state.keys[op[1]], '*', 'b', op[4], 'o', state:joined_results())
    redis.call('XADD', state.keys[tonumber(op[2])], '*', 'k', op[3], 'l', id)
    state.answer = id
  end,
}

-- Y text: the answer to keep where nothing goes to the ledger.
operations.Y = {
  arity = 1,
  keyless = true,
  write = function(state, op)
    state.answer = op[1]
  end,
}

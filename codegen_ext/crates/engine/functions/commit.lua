-- commit: decides on a list of operations, all or none.
-- KEYS[1..n]   every key touched, of one or more partitions; the first `g` of
--              them hold strings and are read in one go
-- ARGV[1]      g
-- ARGV[2..]    operations, each a letter and its arguments; keys are given as
--              positions in KEYS. operations.lua and issue.lua describe them.
-- Returns      {0, answer, results} done: the ledger id (or kept text) and what
--              each limit answered, "slot:sequence:total" joined by commas
--              {1, answer}      replayed: what was kept for this request id
--              {2, value}       found: an earlier publication
--              {-1}             stale: a definition has changed
--              {-2, number}     refused by operation `number`, from 1
--              {-3}             changed: a record is not as it was read
--              {-4}             reused: the request id belongs to another request
--              {-5, position}   moved: the cursor has left the given buckets

local function new_state(keys, values)
  return {
    keys = keys,
    values = values,
    counters = {},
    sums = {},
    bits = {},
    results = {},
    answer = '',
    add_result = function(state, text)
      state.results[#state.results + 1] = text
    end,
    result = function(state, slot, sequence, total)
      state:add_result(string.format('%d:%d:%d', slot, sequence, total))
    end,
    joined_results = function(state)
      return table.concat(state.results, ',')
    end,
  }
end

local function parse(keys, args)
  local list, at = {}, 2
  while at <= #args do
    local letter = args[at]
    local operation = operations[letter]
    if operation == nil then
      return nil, 'unknown operation ' .. tostring(letter)
    end
    local op = { operation = operation }
    for i = 1, operation.arity do
      op[i] = args[at + i]
    end
    if not operation.keyless then
      op[1] = tonumber(op[1])
    end
    list[#list + 1] = op
    at = at + 1 + operation.arity
  end
  return list
end

local function commit(keys, args)
  local strings = tonumber(args[1])
  local values = strings > 0 and redis.call('MGET', unpack(keys, 1, strings)) or {}
  local state = new_state(keys, values)
  local list, problem = parse(keys, args)
  if list == nil then
    return redis.error_reply('ERR ' .. problem)
  end
  for number, op in ipairs(list) do
    local guard = op.operation.guard
    local answer = guard and guard(state, op, number)
    if answer then
      return answer
    end
  end
  for k, counter in pairs(state.counters) do
    store_counter(state, k, counter)
  end
  for k, sum in pairs(state.sums) do
    redis.call('SET', keys[k], string.format('%d:%d', sum.total, sum.sequence), 'KEEPTTL')
  end
  for _, op in ipairs(list) do
    if op.operation.write then
      op.operation.write(state, op)
    end
  end
  for _, op in ipairs(list) do
    if op.operation.finish then
      op.operation.finish(state, op)
    end
  end
  return { FRESH, state.answer, state:joined_results() }
end

redis.register_function('promo_1_commit', commit)

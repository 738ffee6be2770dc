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
--              {-2, number}     refused by operation `number`, from 1; with a
--                               third element 1 when a watched hold is overdue
--              {-3}             changed: a record is not as it was read
--              {-4}             reused: the request id belongs to another request
--              {-5, position}   moved: the cursor has left the given buckets

local function begin(keys, args)
  format, match, call = string.format, string.match, redis.call
  local strings = tonumber(args[1])
  KEYS_, ARGS = keys, args
  VALUES = strings > 0 and call('MGET', unpack(keys, 1, strings)) or {}
  COUNTERS, SUMS, BITS, WATCHED, RESULTS, ANSWER = {}, {}, {}, {}, {}, ''
end

local function store_limits()
  local pairs_ = {}
  for k, counter in pairs(COUNTERS) do
    store_counter(k, counter, pairs_)
  end
  for k, sum in pairs(SUMS) do
    pairs_[#pairs_ + 1] = KEYS_[k]
    pairs_[#pairs_ + 1] = format('%d:%d', sum.total, sum.sequence)
  end
  if #pairs_ > 0 then
    call('MSET', unpack(pairs_))
  end
end

local function commit(keys, args)
  begin(keys, args)
  local at, number, last, once = 2, 0, #args, nil
  while at <= last do
    local letter = args[at]
    local guard = guards[letter]
    number = number + 1
    if guard then
      local answer = guard(at, number)
      if answer then
        if answer[1] == REFUSED and is_a_hold_overdue() then
          answer[3] = 1
        end
        return answer
      end
    elseif not writes[letter] then
      return redis.error_reply('ERR unknown operation ' .. tostring(letter))
    end
    at = at + 1 + arity[letter]
  end
  store_limits()
  at = 2
  while at <= last do
    local letter = args[at]
    local write = writes[letter]
    if write then
      write(at)
    elseif letter == 'I' then
      once = at
    end
    at = at + 1 + arity[letter]
  end
  if once then
    keep_answer(once)
  end
  return { FRESH, ANSWER, table.concat(RESULTS, ',') }
end

redis.register_function('promo_1_commit', commit)

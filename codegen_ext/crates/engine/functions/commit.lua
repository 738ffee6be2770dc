-- commit: decides on plans one after the other, each as if it came alone. A plan
-- is a list of operations, all or none of which are done. Plans that come
-- together share the reading and writing of the limits they have in common.
-- KEYS[1..n]   every key touched; the first `g` of them hold strings and are read
--              in one go
-- ARGV[1]      g
-- ARGV[2..]    plans, each its operations in MessagePack: of each its letter and
--              then its arguments, numbers as numbers; keys are given as positions
--              in KEYS. operations.lua and issue.lua describe them.
-- Returns      one of these for each plan
--              {0, answer, results} done: the ledger id (or kept text) and what
--              each limit answered, "slot:sequence:total" joined by commas
--              {1, kept}        replayed: what was kept for this request id: a byte
--                               that tells where the records are, and the answer
--              {2, value}       found: an earlier publication
--              {-1}             stale: a definition has changed
--              {-2, number}     refused by operation `number`, from 1, or by N,
--                               where it is how many codes are left; with a third
--                               element 1 when a watched hold is overdue
--              {-3}             changed: a record is not as it was read
--              {-4}             reused: the request id belongs to another request
--              {-5, position, looked}  moved: the cursor has left the given buckets,
--                               or was looked at for long; N says what `looked` is
--              {-6, text}       failed: the store refused a command of the plan

-- Guards of one plan; returns the answer of the first that does not pass.
local function check(last)
  local at, number = 1, 0
  while at <= last do
    local letter = ARGS[at]
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
      error('unknown operation ' .. tostring(letter))
    end
    at = at + 1 + arity[letter]
  end
end

local function write_all(last)
  local at, once = 1, nil
  while at <= last do
    local letter = ARGS[at]
    local write = writes[letter]
    if write then
      write(at)
    elseif letter == 'I' then
      once = once or at
    end
    at = at + 1 + arity[letter]
  end
  if once then
    keep_answer(once)
  end
end

local function decide(plan)
  ARGS = { unpack_plan(plan) }
  local last = #ARGS
  local refusal = check(last)
  if refusal then
    restore_limits()
    return refusal
  end
  -- From here on what was taken stays taken: a command that fails half-way must
  -- not let a limit be passed.
  BEFORE = {}
  write_all(last)
  return { FRESH, ANSWER, table.concat(RESULTS, ',') }
end

local function commit(keys, args)
  begin(keys, tonumber(args[1]))
  local answers = {}
  for i = 2, #args do
    begin_plan()
    local passed, answer = pcall(decide, args[i])
    if not passed then
      restore_limits()
      answer = { FAILED, type(answer) == 'table' and answer.err or tostring(answer) }
    end
    answers[i - 1] = answer
  end
  store_limits()
  store_bits()
  store_notices()
  return answers
end

redis.register_function(LIBRARY .. '_commit', commit)

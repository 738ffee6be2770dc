-- What the commit in progress knows. The store runs one function at a time, so
-- these are plain locals of the library: a table per call would cost more than
-- the decision.

local KEYS_, ARGS, VALUES       -- the call's keys and arguments, and the strings read
local COUNTERS, SUMS, BITS      -- limits as they are after the operations so far
local WATCHED                   -- where the sets of holds are that a refusal may owe to
local RESULTS                   -- what each limit answered, as text
local ANSWER                    -- what is kept for the call's request id
local POSITIONS, CURSOR, PUBLISHED  -- what a publication hands out

-- Set when a call begins: while a library loads there is no `string` and no
-- `redis.call` yet.
local format, match, call

-- The key that argument `at` stands for.
local function key_at(at)
  return KEYS_[tonumber(ARGS[at])]
end

local function add_result(slot, sequence, total)
  RESULTS[#RESULTS + 1] = format('%d:%d:%d', slot, sequence, total)
end

-- What the commit in progress knows. The store runs one function at a time, so
-- these are plain locals of the library: a table per call would cost more than
-- the decision.

local KEYS_, VALUES             -- the call's keys, and the strings as they are now
local ARGS                      -- operations of the plan in progress, each a letter and its arguments
local COUNTERS, SUMS            -- limits as they are after the plans so far, to be stored at the end
local BEFORE                    -- limits as they were before the plan in progress touched them
local PAGES                     -- bits as they are after the plans so far, to be stored at the end
local BITS                      -- bits as the plan in progress wants them
local NOTICES                   -- ledger entries that each outbox has to name
local WATCHED                   -- where the sets of holds are that a refusal may owe to
local RESULTS                   -- what each limit answered, as text
local ANSWER                    -- what is kept for the plan's request id
local POSITIONS, BUCKETS         -- what a publication hands out, and the bucket that each is in
local CURSOR, PUBLISHED          -- where it goes on, and how many there are then

-- Set when a call begins: while a library loads there is no `string` and no
-- `redis.call` yet.
local format, match, call, unpack_plan

local function begin(keys, strings)
  format, match, call, unpack_plan = string.format, string.match, redis.call, cmsgpack.unpack
  KEYS_ = keys
  VALUES = strings > 0 and call('MGET', unpack(keys, 1, strings)) or {}
  COUNTERS, SUMS, PAGES, NOTICES = {}, {}, {}, {}
end

local function begin_plan()
  BEFORE, BITS, WATCHED, RESULTS, ANSWER = {}, {}, {}, {}, ''
end

-- The key that argument `at` stands for.
local function key_at(at)
  return KEYS_[ARGS[at]]
end

-- Writes the string that argument `at` names, for later plans to see as well.
-- What follows `value` goes to SET as it is.
local function set_string(at, value, ...)
  local k = ARGS[at]
  VALUES[k] = value
  call('SET', KEYS_[k], value, ...)
end

-- Small numbers as text: most are, and making it is slow.
local TEXTS = {}

local function text(number)
  local found = TEXTS[number]
  if not found then
    found = format('%d', number)
    if number >= 0 and number < 1024 then
      TEXTS[number] = found
    end
  end
  return found
end

local function add_result(slot, sequence, total)
  RESULTS[#RESULTS + 1] = text(slot) .. ':' .. text(sequence) .. ':' .. text(total)
end

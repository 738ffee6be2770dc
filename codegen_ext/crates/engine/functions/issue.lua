-- Positions that one call looks at before it lets others go on.
local MOST_LOOKS = 2000

local NONE = {}

-- Numbers as they are listed in a text.
local function listed(list)
  if list == '' then return NONE end
  local numbers = {}
  for number in string.gmatch(list, '%d+') do
    numbers[#numbers + 1] = tonumber(number)
  end
  return numbers
end

-- The key of a bucket or page: of one of `count` neighbours, or of a further one.
local function key_of(number, first, count, first_key, further)
  if number >= first and number < first + count then
    return KEYS_[first_key + number - first]
  end
  return further[number]
end

-- The keys of the buckets or pages in which positions lie, by number.
local function keys_by_number(positions, size, first_key)
  local keys = {}
  for i = 1, #positions - 1 do
    keys[math.floor(positions[i] / size)] = KEYS_[first_key + i - 1]
  end
  return keys
end

-- N cursor_key count bound bucket_size first_bucket buckets first_bucket_key
--   page_size first_page pages first_page_key skips looked looked_bucket_key
--   looked_page_key record:
-- hands out the next positions of a campaign. The cursor is the string
-- "next position:positions handed out". Positions in `skips` (comma separated),
-- those whose bit is set in a page and those that have an entry in their bucket
-- are passed over. Only the bucket and page keys that the caller passed can be
-- touched; when the cursor leaves them, or has looked for long, the caller is told
-- where it is and what was looked at: the positions that were found free, and last
-- the one that it did not come to. The caller asks again with that in `looked`,
-- with keys from there on and those of the bucket and the page of each found one.
-- Whatever comes of a call, the cursor moves past what can never be handed out, so
-- that nobody looks at it twice. `pages` is 0 where codes are not single-use.
arity.N = 16
guards.N = function(at)
  local count, bound, bucket_size, first_bucket, buckets = unpack(ARGS, at + 2, at + 6)
  local first_bucket_key = ARGS[at + 7]
  local page_size, first_page, pages, first_page_key = unpack(ARGS, at + 8, at + 11)
  local cursor, published = match(VALUES[ARGS[at + 1]] or '0:0', '^(%d+):(%d+)$')
  local first = tonumber(cursor)
  local skips = {}
  for _, skip in ipairs(listed(ARGS[at + 12])) do
    skips[skip] = true
  end
  local looked, next_looked = listed(ARGS[at + 13]), 1
  local found_buckets, found_pages = NONE, NONE
  if #looked > 1 then
    found_buckets = keys_by_number(looked, bucket_size, ARGS[at + 14])
    found_pages = pages > 0 and keys_by_number(looked, page_size, ARGS[at + 15]) or NONE
  end
  POSITIONS, BUCKETS = {}, {}
  local position, looks, short = first, 0, nil
  while #POSITIONS < count do
    -- What lies between was found taken by the call before.
    while looked[next_looked] and looked[next_looked] < position do
      next_looked = next_looked + 1
    end
    position = looked[next_looked] or position
    if position >= bound then
      short = REFUSED
      break
    end
    local bucket, page = math.floor(position / bucket_size), math.floor(position / page_size)
    local bucket_key = key_of(bucket, first_bucket, buckets, first_bucket_key, found_buckets)
    local page_key = pages > 0 and key_of(page, first_page, pages, first_page_key, found_pages)
    if not bucket_key or page_key == nil or looks >= MOST_LOOKS then
      short = MOVED
      break
    end
    looks = looks + 1
    local field, offset = position % bucket_size, position % page_size
    if field == 0 and call('HLEN', bucket_key) == bucket_size then
      position = math.min(position + bucket_size, bound)
    elseif page_key and load_bit(page_key, offset) == 1 then
      position = math.min(page * page_size + behind_set_bits(page_key, offset), bound)
    else
      local withheld = call('HEXISTS', bucket_key, text(field)) == 1
      if not withheld and not skips[position] then
        POSITIONS[#POSITIONS + 1] = position
        BUCKETS[#BUCKETS + 1] = bucket_key
        RESULTS[#RESULTS + 1] = text(position)
      end
      position = position + 1
    end
  end
  if short then
    local reached = POSITIONS[1] or position
    if reached > first then
      set_string(at + 1, format('%d:%s', reached, published))
    end
    if short == REFUSED then
      return { REFUSED, #POSITIONS }
    end
    RESULTS[#RESULTS + 1] = text(position)
    return { MOVED, reached, table.concat(RESULTS, ',') }
  end
  CURSOR, PUBLISHED = position, tonumber(published) + count
end
writes.N = function(at)
  set_string(at + 1, format('%d:%d', CURSOR, PUBLISHED))
  local bucket_size = ARGS[at + 4]
  for i, position in ipairs(POSITIONS) do
    local value = '>' .. RESULTS[1]
    if i == 1 then
      value = table.concat(RESULTS, ',') .. '|' .. ARGS[at + 16]
    end
    call('HSET', BUCKETS[i], text(position % bucket_size), value)
  end
end

-- J bucket_key field: a position that is never to be handed out, unless it was.
arity.J = 2
writes.J = function(at)
  call('HSETNX', key_at(at + 1), ARGS[at + 2], '-')
end

-- G key further_key: notes the first position handed out. Where a string has one
-- already it goes to the end of a list, so that a customer with many publications
-- costs no more than one with few.
arity.G = 2
writes.G = function(at)
  if VALUES[ARGS[at + 1]] then
    call('RPUSH', key_at(at + 2), RESULTS[1])
  else
    set_string(at + 1, RESULTS[1])
  end
end

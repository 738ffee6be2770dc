-- Positions that one call looks at in vain before it lets others go on.
local MOST_LOOKS = 2000

-- N cursor_key count bound bucket_size first_bucket buckets first_bucket_key
--   page_size first_page pages first_page_key skips record:
-- hands out the next positions of a campaign. The cursor is the string
-- "next position:positions handed out". Positions in `skips` (comma separated),
-- those whose bit is set in a page and those that have an entry in their bucket
-- are passed over. Only the bucket and page keys that the caller passed can be
-- touched; when the cursor leaves them, or has found nothing for long, the caller
-- is told where it is and asks again. Whatever comes of a call, the cursor moves
-- past what can never be handed out, so that nobody looks at it twice. `pages` is
-- 0 where codes are not single-use.
arity.N = 13
guards.N = function(at)
  local count, bound, bucket_size, first_bucket, buckets = unpack(ARGS, at + 2, at + 6)
  local first_bucket_key = ARGS[at + 7]
  local page_size, first_page, pages, first_page_key = unpack(ARGS, at + 8, at + 11)
  local cursor, published = match(VALUES[ARGS[at + 1]] or '0:0', '^(%d+):(%d+)$')
  local first = tonumber(cursor)
  local skips = {}
  for skip in string.gmatch(ARGS[at + 12], '%d+') do
    skips[tonumber(skip)] = true
  end
  POSITIONS = {}
  local position, looks, short = first, 0, nil
  while #POSITIONS < count do
    if position >= bound then
      short = REFUSED
      break
    end
    local bucket, page = math.floor(position / bucket_size), math.floor(position / page_size)
    if bucket < first_bucket or bucket >= first_bucket + buckets
      or (pages > 0 and (page < first_page or page >= first_page + pages))
      or (looks >= MOST_LOOKS and not POSITIONS[1]) then
      short = MOVED
      break
    end
    looks = looks + 1
    local page_key, offset = KEYS_[first_page_key + page - first_page], position % page_size
    if pages > 0 and load_bit(page_key, offset) == 1 then
      position = math.min(page * page_size + behind_set_bits(page_key, offset), bound)
    else
      local withheld = call('HEXISTS', KEYS_[first_bucket_key + bucket - first_bucket], text(position % bucket_size)) == 1
      if not withheld and not skips[position] then
        POSITIONS[#POSITIONS + 1] = position
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
    return { short, short == REFUSED and #POSITIONS or reached }
  end
  CURSOR, PUBLISHED = position, tonumber(published) + count
end
writes.N = function(at)
  set_string(at + 1, format('%d:%d', CURSOR, PUBLISHED))
  local bucket_size, first_bucket = ARGS[at + 4], ARGS[at + 5]
  local first_bucket_key = ARGS[at + 7]
  for i, position in ipairs(POSITIONS) do
    local value = '>' .. RESULTS[1]
    if i == 1 then
      value = table.concat(RESULTS, ',') .. '|' .. ARGS[at + 13]
    end
    local bucket = math.floor(position / bucket_size) - first_bucket
    call('HSET', KEYS_[first_bucket_key + bucket], text(position % bucket_size), value)
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

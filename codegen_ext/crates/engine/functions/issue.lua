-- N cursor_key count bound bucket_size first_bucket buckets first_bucket_key
--   page_size first_page pages first_page_key skips record:
-- hands out the next positions of a campaign. The cursor is the string
-- "next position:positions handed out". Positions in `skips` (comma
-- separated, ascending) and those whose bit is set in a page are passed over.
-- Only the bucket and page keys that the caller passed can be touched; when the
-- cursor has left them the caller is told where it is and asks again.
-- `pages` is 0 where codes are not single-use.

operations.N = {
  arity = 13,
  guard = function(state, op)
    local cursor, published = string.match(state.values[op[1]] or '0:0', '^(%d+):(%d+)$')
    cursor, published = tonumber(cursor), tonumber(published)
    local count, bound = tonumber(op[2]), tonumber(op[3])
    local bucket_size, first_bucket, buckets = tonumber(op[4]), tonumber(op[5]), tonumber(op[6])
    local page_size, first_page, pages = tonumber(op[8]), tonumber(op[9]), tonumber(op[10])
    local skips = {}
    for skip in string.gmatch(op[12], '%d+') do
      skips[tonumber(skip)] = true
    end
    local positions = {}
    local position = cursor
    while #positions < count do
      if position >= bound then
        return { REFUSED, bound - cursor }
      end
      local bucket, page = math.floor(position / bucket_size), math.floor(position / page_size)
      if bucket < first_bucket or bucket >= first_bucket + buckets
        or (pages > 0 and (page < first_page or page >= first_page + pages)) then
        return { MOVED, position }
      end
      local used = pages > 0
        and redis.call('GETBIT', state.keys[tonumber(op[11]) + page - first_page], position % page_size) == 1
      if not used and not skips[position] then
        positions[#positions + 1] = position
      end
      position = position + 1
    end
    state.positions, state.cursor, state.published = positions, position, published + count
    for _, taken in ipairs(positions) do
      state:add_result(string.format('%d', taken))
    end
  end,
  write = function(state, op)
    redis.call('SET', state.keys[op[1]], string.format('%d:%d', state.cursor, state.published))
    local bucket_size = tonumber(op[4])
    for i, position in ipairs(state.positions) do
      local bucket = math.floor(position / bucket_size) - tonumber(op[5])
      local value = '>' .. string.format('%d', state.positions[1])
      if i == 1 then
        value = state:joined_results() .. '|' .. op[13]
      end
      redis.call('HSET', state.keys[tonumber(op[7]) + bucket], string.format('%d', position % bucket_size), value)
    end
  end,
}

-- G key ttl_ms: adds the first position handed out to a record of them; a ttl
-- of 0 keeps it.
operations.G = {
  arity = 2,
  write = function(state, op)
    local value = string.format('%d', state.positions[1])
    if state.values[op[1]] then
      value = state.values[op[1]] .. ',' .. value
    end
    if op[2] == '0' then
      redis.call('SET', state.keys[op[1]], value)
    else
      redis.call('SET', state.keys[op[1]], value, 'PX', op[2])
    end
  end,
}

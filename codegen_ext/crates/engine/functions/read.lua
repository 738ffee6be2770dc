-- read: looks at several things at one instant.
-- KEYS[1..n]   the keys
-- ARGV[i]      how to read KEYS[i]: "s" a string, "b<offset>" a bit,
--              "h<field>" a field of a hash
-- Returns      one value per key; a missing one is null

local function read(keys, args)
  local values = {}
  for i, key in ipairs(keys) do
    local how = string.sub(args[i], 1, 1)
    local rest = string.sub(args[i], 2)
    if how == 's' then
      values[i] = redis.call('GET', key)
    elseif how == 'b' then
      values[i] = redis.call('GETBIT', key, rest)
    else
      values[i] = redis.call('HGET', key, rest)
    end
  end
  return values
end

redis.register_function({
  function_name = LIBRARY .. '_read',
  callback = read,
  flags = { 'no-writes' },
})

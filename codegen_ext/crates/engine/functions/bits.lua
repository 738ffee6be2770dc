-- Bits of single-use codes, in pages. What plans set or clear is written when all
-- of them are through, a page at a time.

local MOST_AT_ONCE = 1000

-- A bit as it is for the plan in progress.
local function load_bit(page, offset)
  local bit = BITS[page] and BITS[page][offset]
  if bit == nil then
    local stored = PAGES[page]
    bit = stored and stored.bits[offset]
  end
  return bit or call('GETBIT', page, offset)
end

-- Where the next bit may be that is clear, behind one that is set.
local function behind_set_bits(page, offset)
  local clear = call('BITPOS', page, 0, math.floor(offset / 8))
  -- Within the first byte it may lie before; and bits of this call may not be
  -- written yet.
  return math.max(clear, offset + 1)
end

local function want_bit(page, offset, bit)
  BITS[page] = BITS[page] or {}
  BITS[page][offset] = bit
end

-- Has a bit written at the end. `last_offset`, where it is given, sizes a new page.
local function keep_bit(page, offset, bit, last_offset)
  local stored = PAGES[page]
  if not stored then
    stored = { bits = {} }
    PAGES[page] = stored
  end
  stored.bits[offset] = bit
  stored.last_offset = last_offset or stored.last_offset
end

local function store_bits()
  for page, stored in pairs(PAGES) do
    -- A page is made at its full size: growing it bit by bit would allocate
    -- twice what it needs.
    if stored.last_offset and call('STRLEN', page) == 0 then
      call('SETBIT', page, stored.last_offset, 0)
    end
    local settings = {}
    for offset, bit in pairs(stored.bits) do
      local n = #settings
      settings[n + 1], settings[n + 2], settings[n + 3], settings[n + 4] = 'SET', 'u1', offset, bit
      if n + 4 == MOST_AT_ONCE * 4 then
        call('BITFIELD', page, unpack(settings))
        settings = {}
      end
    end
    if #settings == 4 then
      call('SETBIT', page, settings[3], settings[4])
    elseif #settings > 0 then
      call('BITFIELD', page, unpack(settings))
    end
  end
end

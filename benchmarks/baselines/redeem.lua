-- The one script of all afternoon designs: checks every limit and the budget,
-- then takes one use of a code, in one step.
-- KEYS[1] the code          hash: campaign, used
-- KEYS[2] answer to this request, kept for a day
-- KEYS[3] ledger stream
-- KEYS[4] outbox stream
-- ARGV    request id, customer, order id, order amount (minor units), currency, now (ms)
-- Returns {1, redemption id, campaign, discount} or {0, reason}.
-- The campaign's and the customer's keys follow from the code, so they are made
-- here: it saves a round trip, and one node needs no hash tags.
local first_answer = redis.call('GET', KEYS[2])
if first_answer then
  return cjson.decode(first_answer)
end

local code = redis.call('HMGET', KEYS[1], 'campaign', 'used')
local campaign_id = code[1]
if not campaign_id then
  return {0, 'CODE_NOT_FOUND'}
end

local campaign_key = 'campaign:' .. campaign_id
local campaign = redis.call('HMGET', campaign_key, 'enabled', 'start_ms', 'expire_ms', 'currency',
  'basis_points', 'amount_limit', 'per_code', 'per_customer', 'per_campaign', 'discount_budget',
  'used', 'spent')
local now = tonumber(ARGV[6])
if campaign[1] ~= '1' then
  return {0, 'CAMPAIGN_DISABLED'}
end
if now < tonumber(campaign[2]) then
  return {0, 'PROMOTION_NOT_STARTED'}
end
if now >= tonumber(campaign[3]) then
  return {0, 'PROMOTION_EXPIRED'}
end
if ARGV[5] ~= campaign[4] then
  return {0, 'CURRENCY_MISMATCH'}
end

local customer_key = campaign_key .. ':customer:' .. ARGV[2]
if tonumber(code[2]) >= tonumber(campaign[7]) then
  return {0, 'CODE_USES_EXHAUSTED'}
end
if tonumber(redis.call('GET', customer_key) or '0') >= tonumber(campaign[8]) then
  return {0, 'CUSTOMER_LIMIT_REACHED'}
end
if tonumber(campaign[11]) >= tonumber(campaign[9]) then
  return {0, 'CAMPAIGN_LIMIT_REACHED'}
end

local amount = tonumber(ARGV[4])
local discount = math.floor((amount * tonumber(campaign[5]) + 5000) / 10000)
discount = math.min(discount, tonumber(campaign[6]), amount)
if tonumber(campaign[12]) + discount > tonumber(campaign[10]) then
  return {0, 'BUDGET_EXHAUSTED'}
end

redis.call('HINCRBY', KEYS[1], 'used', 1)
redis.call('INCR', customer_key)
redis.call('HINCRBY', campaign_key, 'used', 1)
redis.call('HINCRBY', campaign_key, 'spent', discount)
local redemption_id = redis.call('XADD', KEYS[3], '*', 'request', ARGV[1], 'code', KEYS[1],
  'campaign', campaign_id, 'customer', ARGV[2], 'order', ARGV[3], 'amount', ARGV[4],
  'discount', discount, 'time', ARGV[6])
redis.call('XADD', KEYS[4], '*', 'type', 'redemption.succeeded', 'redemption', redemption_id,
  'campaign', campaign_id, 'customer', ARGV[2], 'order', ARGV[3], 'discount', discount)
local answer = {1, redemption_id, campaign_id, discount}
redis.call('SET', KEYS[2], cjson.encode(answer), 'EX', 86400)
return answer

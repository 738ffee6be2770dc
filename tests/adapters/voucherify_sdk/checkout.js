// What a shop does with the vendor's own client: publish, look, validate, redeem, roll back; one JSON object comes out.
const { VoucherifyServerSide } = require('@voucherify/sdk')

const [apiUrl, applicationId, secretKey, campaign] = process.argv.slice(2)
const client = VoucherifyServerSide({ apiUrl, applicationId, secretKey })
const order = { source_id: 'o-1', items: [{ product_id: 'mug', quantity: 2, price: 1250, amount: 2500 }] }
const customer = { source_id: 'sdk-customer' }

async function refusal(call) {
  try {
    await call()
    return null
  } catch (error) {
    return { code: error.code, key: error.key, message: error.message, details: error.details }
  }
}

async function main() {
  const publication = await client.distributions.publications.create({ campaign: { name: campaign, count: 1 }, customer, source_id: 'sdk-1' })
  const code = publication.voucher.code
  const redeemables = [{ object: 'voucher', id: code }]
  const voucher = await client.vouchers.get(code)
  const validation = await client.validations.validateStackable({ redeemables, order, customer, session: { type: 'LOCK' } })
  const redemption = await client.redemptions.redeemStackable({ redeemables, order, customer, session: { type: 'LOCK', key: validation.session.key } })
  const again = await refusal(() => client.redemptions.redeemStackable({ redeemables, order, customer }))
  const rollback = await client.redemptions.rollback(redemption.redemptions[0].id, 'changed my mind')
  const stack = await client.redemptions.redeemStackable({ redeemables, order, customer })
  const stackRollback = await client.redemptions.rollbackStackable(stack.redemptions[0].id, {})
  const unknown = await refusal(() => client.vouchers.get('NO/SUCH CODE'))
  console.log(JSON.stringify({ publication, voucher, validation, redemption, again, rollback, stackRollback, unknown }))
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})

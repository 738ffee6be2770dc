// Afternoon design: @grpc/grpc-js, ioredis (pipelined as it comes), one Lua script.
// usage: node server.js PORT STORE_SOCKET PROTO_DIRECTORY SCRIPT
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const { Redis } = require('ioredis');

const [port, storeSocket, protoDirectory, script] = process.argv.slice(2);

const definition = protoLoader.loadSync('promo/v1/redemption_service.proto', {
  includeDirs: [protoDirectory, path.join(protoDirectory, 'third_party')],
  keepCase: true,
  longs: Number,

  arrays: true,
});
const { RedemptionService } = grpc.loadPackageDefinition(definition).promo.v1;

const store = new Redis({ path: storeSocket });
store.defineCommand('redeem', { numberOfKeys: 4, lua: fs.readFileSync(script, 'utf8') });

// Shares by largest remainder; they sum to the discount.
function split(discount, amounts) {
  const total = amounts.reduce((sum, amount) => sum + amount, 0);
  if (total === 0) return amounts.map(() => 0);
  const shares = amounts.map((amount) => Math.floor((discount * amount) / total));
  const remainders = amounts.map((amount) => (discount * amount) % total);
  const left = discount - shares.reduce((sum, share) => sum + share, 0);
  const lines = amounts.map((_, line) => line).sort((a, b) => remainders[b] - remainders[a]);
  for (const line of lines.slice(0, left)) shares[line] += 1;
  return shares;
}

async function redeem({ redeemables, customer, order, request_id: requestId }) {
  if (redeemables.length !== 1 || !requestId || !order || order.items.length === 0) {
    const error = new Error('one code, a request id and lines are required');
    throw Object.assign(error, { code: grpc.status.INVALID_ARGUMENT });
  }
  const { code } = redeemables[0];
  const amounts = order.items.map((item) => item.quantity * item.price);
  const amount = amounts.reduce((sum, line) => sum + line, 0);
  const now = Date.now();
  const [succeeded, redemptionId, campaign, discount] = await store.redeem(
    `code:${code}`, `request:${requestId}`, 'ledger', 'outbox',
    requestId, customer.source_id, order.source_id, amount, order.currency_code, now);
  if (succeeded !== 1) {
    throw Object.assign(new Error(redemptionId), { code: grpc.status.FAILED_PRECONDITION });
  }
  const shares = split(discount, amounts);
  return {
    id: redemptionId,
    customer: customer.source_id,
    state: 'REDEMPTION_STATE_SUCCEEDED',
    redeem_time: { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1e6 },
    results: [{
      code,
      status: 'REDEEMABLE_STATUS_APPLICABLE',
      campaign_id: campaign,
      applied_discount_amount: discount,
      redemption_id: redemptionId,
    }],
    order: {
      source_id: order.source_id,
      currency_code: order.currency_code,
      amount,
      discount_amount: discount,
      total_discount_amount: discount,
      total_amount: amount - discount,
      items: order.items.map((item, line) => ({
        source_id: item.source_id,
        product_id: item.product_id,
        sku_id: item.sku_id,
        quantity: item.quantity,
        price: item.price,
        amount: amounts[line],
        order_discount_share: shares[line],
        total_amount: amounts[line] - shares[line],
      })),
    },
  };
}

const server = new grpc.Server();
server.addService(RedemptionService.service, {
  Redeem(call, callback) {
    redeem(call.request).then((redemption) => callback(null, redemption), callback);
  },
});
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});

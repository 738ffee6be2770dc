// Makes COUNT codes of ten symbols over CHARSET and prints how long that took.
// usage: node generate.js COUNT CHARSET

const { generate } = require("voucher-code-generator");

const [count, charset] = [Number(process.argv[2]), process.argv[3]];
const started = process.hrtime.bigint();
const codes = generate({ length: 10, count, charset });
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
console.log(JSON.stringify({ codes: codes.length, seconds, rss_bytes: process.memoryUsage().rss }));

// BullMQ's side of a life cycle: adds jobs one by one, so many at once, and takes them with a worker whose
// processor does nothing. Prints one JSON object.
//
//   node bullmq.mjs PORT COUNT CONCURRENCY PAYLOAD_BYTES
import { Queue, Worker } from 'bullmq';

const [port, count, concurrency, payloadBytes] = process.argv.slice(2).map(Number);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
// A string whose JSON has the size asked for.
const payload = 'x'.repeat(payloadBytes - 2);

async function add(queue) {
  let begun = 0;
  const producer = async () => {
    while (begun++ < count) await queue.add('bench', payload);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: concurrency }, producer));
  return (performance.now() - start) / 1000;
}

async function work(queue) {
  const worker = new Worker('bench', async () => {}, { connection, concurrency, autorun: false });
  await worker.waitUntilReady();
  const start = performance.now();
  await new Promise((resolve, reject) => {
    let left = count;
    worker.on('completed', () => { if (--left === 0) resolve(); });
    worker.on('failed', (_, error) => reject(error));
    worker.on('error', reject);
    worker.run();
  });
  const seconds = (performance.now() - start) / 1000;
  await worker.close();
  const counts = await queue.getJobCounts('completed', 'waiting', 'active');
  if (counts.completed !== count) throw new Error(`left behind: ${JSON.stringify(counts)}`);
  return seconds;
}

const queue = new Queue('bench', { connection });
await queue.waitUntilReady();
const adding = await add(queue);
const processing = await work(queue);
await queue.close();
console.log(JSON.stringify({
  tasks: count, added_per_second: count / adding, processed_per_second: count / processing,
}));

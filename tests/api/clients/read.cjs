// Reads a stream with the npm package "eventsource" and prints one JSON object for each event:
// node read.cjs URL TOKEN COUNT
const { EventSource } = require("eventsource");
const [url, token, count] = process.argv.slice(2);
let left = Number(count);
const source = new EventSource(url, {
  fetch: (input, given) =>
    fetch(input, { ...given, headers: { ...given.headers, Authorization: `Bearer ${token}` } }),
});
source.addEventListener("log", (sent) => {
  process.stdout.write(JSON.stringify({ id: sent.lastEventId, data: sent.data }) + "\n");
  if (--left === 0) source.close();
});
source.addEventListener("gap", (sent) => process.stderr.write(`gap ${sent.data}\n`));

// Perfetto's trace processor, as its user interface carries it, behind stdin and stdout: requests and replies of its RPC,
// each behind its length (4 bytes, little-endian). node trace_processor.js FOLDER, where engine_bundle.js lies.
const fs = require("fs");
const path = require("path");
const { MessageChannel } = require("worker_threads");

const folder = process.argv[2];
const requests = fs.readFileSync(0);

const wasm = (url) => fs.readFileSync(path.join(folder, path.basename(String(url))));
globalThis.self = globalThis;
globalThis.WorkerGlobalScope = function () {};
globalThis.location = { href: "file:///engine_bundle.js" };
globalThis.fetch = async (url) => new Response(wasm(url), { headers: { "Content-Type": "application/wasm" } });
globalThis.XMLHttpRequest = class {
    open(_method, url) { this.url = url; }
    send() {
        this.status = 200;
        const data = wasm(this.url);
        this.response = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
        if (this.onload) this.onload();
    }
};
console.log = console.warn = () => {};
delete globalThis.process; // or the engine takes this for node, and looks for files of its own

(0, eval)(fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8"));

const { port1, port2 } = new MessageChannel();
globalThis.onmessage({ data: port1 });

port2.on("message", (reply) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(reply.length);
    fs.writeSync(1, Buffer.concat([length, Buffer.from(reply)]));
});

// What comes before the engine is compiled waits in the port. Who asks ends this process when he has all answers.
for (let at = 0; at < requests.length; ) {
    const length = requests.readUInt32LE(at);
    port2.postMessage(new Uint8Array(requests.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
}

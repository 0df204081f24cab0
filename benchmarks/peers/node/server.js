// SPDX-License-Identifier: MIT
//
// Node: net.createServer, latin1 strings (one byte a character, the quickest that toUpperCase can have), one write for
// all that one read brought.
'use strict';
const net = require('node:net');

const [port, framing] = process.argv.slice(2);

function serveStream(peer) {
    peer.setEncoding('latin1');
    peer.on('data', (text) => peer.write(text.toUpperCase(), 'latin1'));
}

function serveLines(peer) {
    let carry = '';
    peer.setEncoding('latin1');
    peer.on('data', (text) => {
        const all = carry + text;
        const lines = all.split('\n');
        carry = lines.pop();
        if (lines.length === 0) return;
        let out = '';
        for (const line of lines) out += line.toUpperCase() + '\n';
        peer.write(out, 'latin1');
    });
}

function serveLengths(peer) {
    let carry = Buffer.alloc(0);
    peer.on('data', (chunk) => {
        carry = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
        while (carry.length >= 4) {
            const end = 4 + carry.readUInt32BE(0);
            if (carry.length < end) return;
            peer.cork();
            peer.write(carry.subarray(0, 4));
            peer.write(carry.latin1Slice(4, end).toUpperCase(), 'latin1');
            peer.uncork();
            carry = carry.subarray(end);
        }
    });
}

const serve = { line: serveLines, length: serveLengths }[framing] || serveStream;
const server = net.createServer({ noDelay: true }, (peer) => {
    peer.on('error', () => {});
    serve(peer);
});
server.listen({ port: Number(port), host: '0.0.0.0', backlog: 4096 });

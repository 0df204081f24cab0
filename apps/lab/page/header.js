// A packet's IP and TCP header, field by field, from its bytes as they entered the wire. A field: [name, first bit, bits, value in words, key of
// its explanation among the words]. The drawing has 32 bits a row, as RFC 9293 3.1 and RFC 791 3.1 draw it.
function bytesOf(hex) {
  return Uint8Array.from({length: (hex || '').length / 2}, (_, i) => parseInt(hex.substr(2 * i, 2), 16));
}
function bitsOf(bytes, first, count) {
  let out = 0;
  for (let i = first; i < first + count; ++i) out = out * 2 + (bytes[i >> 3] >> (7 - (i & 7)) & 1);
  return out;
}
const hexadecimal = (n, digits) => '0x' + n.toString(16).padStart(digits, '0');
const protocols = {1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6'};

function ipv4Fields(b) {
  const n = (first, count) => bitsOf(b, first, count), dotted = first => [0, 8, 16, 24].map(i => n(first + i, 8)).join('.');
  const out = [['Version', 0, 4, n(0, 4), 'ip_version'], ['IHL', 4, 4, fill(words.n_bytes, n(4, 4) * 4), 'ip_ihl'], ['DSCP', 8, 6, n(8, 6), 'ip_dscp'],
    ['ECN', 14, 2, ['Not-ECT', 'ECT(1)', 'ECT(0)', 'CE'][n(14, 2)], 'ip_ecn'], ['Total Length', 16, 16, fill(words.n_bytes, group(n(16, 16))), 'ip_length'],
    ['Identification', 32, 16, n(32, 16), 'ip_id'], ['R', 48, 1, n(48, 1), 'ip_reserved'], ['DF', 49, 1, n(49, 1), 'ip_df'], ['MF', 50, 1, n(50, 1), 'ip_mf'],
    ['Fragment Offset', 51, 13, n(51, 13) * 8, 'ip_offset'], ['TTL', 64, 8, n(64, 8), 'ip_ttl'],
    ['Protocol', 72, 8, `${n(72, 8)} ${protocols[n(72, 8)] || ''}`, 'ip_protocol'], ['Header Checksum', 80, 16, hexadecimal(n(80, 16), 4), 'ip_checksum'],
    ['Source Address', 96, 32, dotted(96), 'ip_source'], ['Destination Address', 128, 32, dotted(128), 'ip_destination']];
  if (n(4, 4) > 5) out.push(['Options', 160, (n(4, 4) - 5) * 32, '', 'ip_options']);
  return [out, n(4, 4) * 4, n(72, 8)];
}
function ipv6Fields(b) {
  const n = (first, count) => bitsOf(b, first, count);
  const address = first => Array.from({length: 8}, (_, i) => n(first + 16 * i, 16).toString(16)).join(':').replace(/\b0(:0\b)+/, ':').replace(/:{3,}/, '::');
  return [[['Version', 0, 4, n(0, 4), 'ip_version'], ['DSCP', 4, 6, n(4, 6), 'ip_dscp'], ['ECN', 10, 2, ['Not-ECT', 'ECT(1)', 'ECT(0)', 'CE'][n(10, 2)], 'ip_ecn'],
    ['Flow Label', 12, 20, hexadecimal(n(12, 20), 5), 'ip_flow'], ['Payload Length', 32, 16, fill(words.n_bytes, group(n(32, 16))), 'ip_payload'],
    ['Next Header', 48, 8, `${n(48, 8)} ${protocols[n(48, 8)] || ''}`, 'ip_protocol'], ['Hop Limit', 56, 8, n(56, 8), 'ip_ttl'],
    ['Source Address', 64, 128, address(64), 'ip_source'], ['Destination Address', 192, 128, address(192), 'ip_destination']], 40, n(48, 8)];
}
/// `b` begins at the TCP header.
function tcpFields(b, p) {
  const n = (first, count) => bitsOf(b, first, count), offset = n(96, 4);
  const relative = one => ` = ${words.relative} ${group(one)}`, scaled = p.window === n(112, 16) ? '' : ` = ${fill(words.n_bytes, group(p.window))}`;
  const out = [['Source Port', 0, 16, n(0, 16), 'tcp_source'], ['Destination Port', 16, 16, n(16, 16), 'tcp_destination'],
    ['Sequence Number', 32, 32, n(32, 32) + relative(p.seq), 'tcp_seq'],
    ['Acknowledgment Number', 64, 32, n(107, 1) ? n(64, 32) + relative(p.ack) : n(64, 32), 'tcp_acknowledgment'],
    ['Data Offset', 96, 4, fill(words.n_bytes, offset * 4), 'tcp_offset'], ['Rsrvd', 100, 4, n(100, 4), 'tcp_reserved']];
  ['CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'].forEach((flag, i) => out.push([flag, 104 + i, 1, n(104 + i, 1), 'tcp_' + flag.toLowerCase()]));
  out.push(['Window', 112, 16, n(112, 16) + scaled, 'tcp_window'], ['Checksum', 128, 16, hexadecimal(n(128, 16), 4), 'tcp_checksum'],
    ['Urgent Pointer', 144, 16, n(144, 16), 'tcp_urgent']);
  return out.concat(optionFields(b, Math.min(offset * 4, b.length), p));
}
function optionFields(b, end, p) {
  const out = [], n = (at, count) => bitsOf(b, at * 8, count * 8);
  for (let at = 20; at < end;) {
    const kind = b[at], size = kind < 2 ? 1 : b[at + 1];
    if (kind > 1 && (!(size >= 2) || at + size > end)) { out.push(['?', at * 8, (end - at) * 8, '', 'opt_other']); break; }
    const field = {0: ['End', '', 'opt_end'], 1: ['NOP', '', 'opt_nop'], 2: ['MSS', () => fill(words.n_bytes, group(n(at + 2, 2))), 'opt_mss'],
      3: ['Window Scale', () => `${b[at + 2]} = × ${group(2 ** b[at + 2])}`, 'opt_scale'], 4: ['SACK Permitted', '', 'opt_sack_ok'],
      5: ['SACK', () => (p.sack || []).map(([l, r]) => `${group(l)}–${group(r - 1)}`).join(', '), 'opt_sack'],
      8: ['Timestamps', () => `${n(at + 2, 4)}, ${words.echo} ${n(at + 6, 4)}`, 'opt_time']}[kind] || ['#' + kind, '', 'opt_other'];
    const value = typeof field[1] === 'function' ? field[1]() : field[1], parts = (kind === 5 || kind === 8) && size > 2;
    out.push([field[0], at * 8, (parts ? 2 : size) * 8, value, field[2]]);
    for (let i = 0; parts && at + 6 + 4 * i <= at + size; ++i)
      out.push([kind === 8 ? ['TSval', 'TSecr'][i] : [`Left Edge ${i / 2 + 1}`, `Right Edge ${(i + 1) / 2}`][i % 2], (at + 2 + 4 * i) * 8, 32,
        n(at + 2 + 4 * i, 4) + (kind === 5 && p.sack ? ` = ${words.relative} ${group(p.sack.flat()[i])}` : ''), field[2]]);
    at += size;
  }
  return out;
}

/// Boxes of one header; a field that goes on in the next row is drawn in parts.
function drawFields(fields, bytes, title, explain) {
  const grid = made('div', {class: 'bits', role: 'group', 'aria-label': title});
  for (const [name, first, bits, value, key] of fields) {
    for (let at = first; at < first + bits;) {
      const part = Math.min(first + bits - at, 32 - at % 32), binary = part <= 16 ? bitsOf(bytes, at, part).toString(2).padStart(part, '0') : '';
      const box = made('button', {class: `field${part < 3 ? ' narrow' : part < 5 ? ' tight' : ''}${part === 1 && value === 1 ? ' set' : ''}`, 'data-name': name, 'aria-label': at === first ? undefined : name,
        tabindex: at === first ? undefined : '-1'});
      if (at === first) box.append(made('b', {}, name === 'Data Offset' ? 'Off.' : name), ' ', part < 3 ? made('i', {}, String(bitsOf(bytes, at, part))) : made('span', {}, String(value)));
      if (part >= 4 && part <= 16 && at === first) box.append(made('small', {}, binary.replace(/(.{4})(?=.)/g, '$1 ')));
      box.style.gridColumn = `${at % 32 + 1} / span ${part}`;
      box.style.gridRow = Math.floor(at / 32) + 1;
      const tell = () => explain(name, value, key, grid, box);
      box.onpointerenter = box.onfocus = box.onclick = tell;
      grid.append(box);
      at += part;
    }
  }
  return grid;
}

// SPDX-License-Identifier: MIT
'use strict';
// The reader's browser says which language, not the server's environment.
const all_words = {
  en: {connections: 'connections', messages: 'messages a second', latency: '99 in 100 messages answered within', resent: 'segments sent again a second', ready: 'ready', draining: 'draining: new clients are sent elsewhere',
    silent: 'The server does not answer since ', busy: 'The server tells somebody else at the moment.', passed_over: 'workers do not answer; their connections are missing.', filter: 'filter: address, state, whose fault', pause: 'pause', go_on: 'go on',
    shown: 'shown', more: 'show more', close: 'close', peer: 'peer', state: 'state', age: 'since', bytes_in: 'in', bytes_out: 'out', rtt: 'rtt', rto: 'rto', cwnd: 'cwnd', flight: 'in flight', again: 'resent', idle: 'idle', blame: 'whose fault, last minute',
    network: 'network', client_window: "client's window", send_buffer: 'send buffer', application: 'nothing to send', quiet: 'quiet', reads: 'it reads', sent_again: 'sent again', in_the_last: 'Whose fault, in the last', round_trip: 'round trip', window: 'congestion window, segments',
    out_rate: 'out, bytes a second', in_rate: 'in, bytes a second', no_connections: 'no connections', local: 'local', ssthresh: 'ssthresh', messages_of: 'messages', segments_of: 'segments of', algorithm: 'congestion control', not_sent: 'not sent yet', timed: 'The latest messages that were timed, and where their time went', gone: 'this connection has ended'},
  pt: {connections: 'conexões', messages: 'mensagens por segundo', latency: '99 em 100 mensagens respondidas em até', resent: 'segmentos reenviados por segundo', ready: 'pronto', draining: 'encerrando: novos clientes vão para outro servidor',
    silent: 'O servidor não responde desde ', busy: 'O servidor está respondendo a outra pessoa no momento.', passed_over: 'trabalhadores não respondem; faltam as conexões deles.', filter: 'filtro: endereço, estado, de quem é a culpa', pause: 'pausa', go_on: 'continuar',
    shown: 'mostradas', more: 'mostrar mais', close: 'fechar', peer: 'par', state: 'estado', age: 'desde', bytes_in: 'entrou', bytes_out: 'saiu', rtt: 'rtt', rto: 'rto', cwnd: 'cwnd', flight: 'em voo', again: 'reenviados', idle: 'parada', blame: 'de quem é a culpa, último minuto',
    network: 'rede', client_window: 'janela do cliente', send_buffer: 'buffer de envio', application: 'nada a enviar', quiet: 'em silêncio', reads: 'ele lê', sent_again: 'reenviados', in_the_last: 'De quem é a culpa, nos últimos', round_trip: 'ida e volta', window: 'janela de congestionamento, segmentos',
    out_rate: 'saindo, bytes por segundo', in_rate: 'entrando, bytes por segundo', no_connections: 'nenhuma conexão', local: 'local', ssthresh: 'ssthresh', messages_of: 'mensagens', segments_of: 'segmentos de', algorithm: 'controle de congestionamento', not_sent: 'ainda não enviado', timed: 'As últimas mensagens que foram medidas, e para onde foi o tempo delas', gone: 'esta conexão terminou'},
};
const language = navigator.language.toLowerCase().startsWith('pt') ? 'pt' : 'en';
const words = all_words[language];
document.documentElement.lang = language === 'pt' ? 'pt-BR' : 'en';

const decimals = (value, places) => value.toLocaleString(document.documentElement.lang, {minimumFractionDigits: places, maximumFractionDigits: places});
const whole = value => decimals(value, 0);
/** "38 ms" of seconds. */
function time_text(seconds) {
  if (seconds < 0.001) return whole(seconds * 1e6) + ' µs';
  if (seconds < 1) return decimals(seconds * 1e3, seconds < 0.00995 ? 1 : 0) + ' ms';
  if (seconds < 60) return decimals(seconds, seconds < 9.95 ? 1 : 0) + ' s';
  if (seconds < 3600) return whole(Math.floor(seconds / 60)) + ' min';
  return seconds < 86400 ? whole(Math.floor(seconds / 3600)) + ' h' : whole(Math.floor(seconds / 86400)) + ' d';
}
/** "1.2 MB" of bytes. */
function size_text(bytes) {
  const names = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let which = 0;
  while (bytes >= 999.5 && which + 1 < names.length) { bytes /= 1000; ++which; }
  return decimals(bytes, which && bytes < 9.95 ? 1 : 0) + ' ' + names[which];
}
/** An element with text and attributes; text is never taken for HTML. */
function make(name, text, attributes = {}) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

// SPDX-License-Identifier: MIT
// Every word of the page: what its script says, by the key that it has there, and the sentence at its top.
#include "core/sentence.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/narrator.hpp"
#include "lab/view/page.hpp"

#include <array>

namespace aperto::lab {

namespace {

constexpr auto words = std::to_array<page_word>(
    {{"client", N_("client")},
     {"server", N_("server")},
     {"all", N_("all packets")},
     {"notable", N_("out of the ordinary")},
     {"faults", N_("struck by the wire")},
     {"again", N_("sent again")},
     {"data", N_("with data")},
     {"connection", N_("connection")},
     {"all_connections", N_("all connections")},
     {"ladder", N_("Ladder")},
     {"show", N_("show")},
     {"zoom", N_("zoom")},
     {"details", N_("Click a packet for its details; the arrow keys go from one to the next.")},
     {"keys", N_("The wheel or two fingers zoom about the pointer, dragging moves. Keys: ↑ ↓ packet by "
                 "packet, n and p what is out of the ordinary, + − zoom, 0 the whole run.")},
     {"zoom_in", N_("zoom in")},
     {"zoom_out", N_("zoom out")},
     {"whole_run", N_("whole run")},
     {"previous_notable", N_("the one before that is out of the ordinary")},
     {"next_notable", N_("next out of the ordinary ›")},
     {"key_syn", N_("beginning and end")},
     {"key_lost", N_("lost or damaged")},
     {"key_note", N_("out of order, SACK, duplicate ACK")},
     {"key_zero", N_("zero window and its end")},
     {"ms", "ms"},
     {"bytes", N_("bytes")},
     {"sent", N_("sent")},
     {"lost", N_("lost")},
     {"acknowledged", N_("acknowledged")},
     {"in_flight", N_("sent but not acknowledged")},
     {"advertised", N_("window the receiver offers")},
     {"direction", N_("stream of the")},
     {"beside", N_("lesson and packet")},
     {"graphs", N_("Graphs")},
     {"graphs_use",
      N_("Mark a time with the pointer and the ladder shows it; what the ladder shows is marked here. The "
         "wheel or two fingers zoom, a click chooses the packet, ← → read the values.")},
     {"summary", N_("What the run showed")},
     {"print", N_("print")},
     {"ladder_keys", N_("Ladder of packets: the arrow keys go from one to the next, n to the next that is "
                        "out of the ordinary")},
     {"other_packet", N_("not TCP")},
     {"silence", N_("{} of silence")},
     {"in_view", N_("{} in view of {} shown, {} in all")},
     {"without_label", N_("without a label for want of room: {}; zoom in to read them")},
     {"left_out", N_("packets of the run that are not on this page: {}")},
     {"took", N_("{} under way")},
     {"relative", N_("relative")},
     {"echo", N_("echo")},
     {"n_bytes", "{} B"},
     {"lesson", N_("Lesson")},
     {"packet", N_("Packet")},
     {"packet_n", N_("packet {}")},
     {"fact_sent", N_("sent")},
     {"fact_lost", N_("lost")},
     {"fact_arrived", N_("arrived")},
     {"fact_rule", N_("by the rule")},
     {"fact_faults", N_("the wire")},
     {"fact_copy", N_("copy of packet")},
     {"fact_bit", N_("flipped bit")},
     {"fact_marks", N_("seen")},
     {"fact_resent", N_("sent again")},
     {"fact_data", N_("data")},
     {"fact_text", N_("begins with")},
     {"by", N_("by the {}")},
     {"after", N_("after {}")},
     {"times", N_("time {}")},
     {"segment", N_("data segment {}")},
     {"cause_random", N_("at random")},
     {"cause_burst", N_("in a burst")},
     {"cause_listed", N_("by the list of losses")},
     {"cause_named", N_("it was named")},
     {"cause_blackhole", N_("nothing passed at that time")},
     {"cause_queue-packets", N_("the queue was full (packets)")},
     {"cause_queue-bytes", N_("the queue was full (bytes)")},
     {"cause_mtu", N_("too large for the path")},
     {"cause_replayed", N_("as the decisions say that are followed")},
     {"cause_ended", N_("the run ended while it was on its way")},
     {"cause_refused", N_("the receiving kernel did not take it")},
     {"fault_corrupted", N_("flipped a bit")},
     {"fault_duplicated", N_("sent it twice")},
     {"fault_copy", N_("made this copy")},
     {"fault_held", N_("held it back")},
     {"fault_reordered", N_("held it until others had passed")},
     {"fault_ce-marked", N_("marked congestion")},
     {"fault_made-by-wire", N_("made this packet itself")},
     {"mark_retransmission", N_("retransmission")},
     {"mark_duplicate-ack", N_("duplicate ACK")},
     {"mark_sack", "SACK"},
     {"mark_d-sack", N_("D-SACK: a repetition was not needed")},
     {"mark_zero-window", N_("zero window")},
     {"mark_window-update", N_("window update")},
     {"mark_probe", N_("probe of a closed window")},
     {"mark_keepalive", N_("keepalive")},
     {"mark_out-of-order", N_("arrived before bytes that come earlier")},
     {"mark_fills-gap", N_("fills a gap")},
     {"mark_seen-before", N_("was there already")},
     {"mark_overtaken", N_("was overtaken")},
     {"mark_bad-checksum", N_("checksum does not fit")},
     {"mark_window-full", N_("fills the window")},
     {"mark_ce", N_("congestion mark (CE)")},
     {"resent_timeout", N_("the timer ran out")},
     {"resent_after-timeout", N_("in the recovery after a timeout")},
     {"resent_fast", N_("fast retransmit or RACK")},
     {"resent_tail-probe", N_("tail loss probe")},
     {"resent_too-big", N_("too large for the path")},
     {"resent_repeated-syn", N_("answering a repeated SYN")},
     {"resent_syn-data", N_("not taken with the SYN")},
     {"resent_closed-window", N_("into a closed window")},
     {"resent_unknown", N_("cause unknown")},
     {"header_hint",
      N_("Point at a field of the header, or go to it with Tab, and here stands what it means.")},
     {"tcp_header", N_("TCP header, 32 bits a row")},
     {"ip4_header", N_("IPv4 header")},
     {"ip6_header", N_("IPv6 header")},
     {"your_answer", N_("your answer")},
     {"not_shown", N_("this run does not show it")},
     {"what_happened", N_("What happened (open it once you have answered)")},
     {"questions", N_("Questions")},
     {"name", N_("name")},
     {"kept", N_("Answers are kept in this browser; print the page to hand it in.")},
     {"checks_fail", N_("checks that do not hold: {} of {}")},
     {"checks_hold", N_("all checks hold: {}")},
     {"table_of", N_("the packets that say most: {} of {}")},
     {"sent_ms", N_("sent, ms")},
     {"arrived_ms", N_("arrived, ms")},
     {"from", N_("from")},
     {"header", N_("segment")},
     {"in_words", N_("in words")},
     {"sequence", N_("Time and sequence numbers")},
     {"sequence_look", N_("Look for the slope: it is the rate. Each stroke is a segment; the step line below "
                          "is what was acknowledged, the one above how far the window reaches. A loss leaves "
                          "a gap that a later stroke fills.")},
     {"flight", N_("Bytes in flight and the congestion window")},
     {"flight_look",
      N_("Look for what holds the sender back: the receiver's window, or the congestion window, which grows "
         "with each acknowledgement and shrinks after a loss (RFC 5681).")},
     {"cwnd_unknown", N_("cwnd and ssthresh are the kernel's: --samples tells them")},
     {"rtt", N_("Round trip and retransmission timer")},
     {"rtt_look",
      N_("Look how SRTT smooths the round trips and RTO keeps above them (RFC 6298); each time the timer "
         "runs out the next wait is twice as long. The axis is logarithmic: doubling is one step up.")},
     {"throughput", N_("Throughput")},
     {"throughput_look",
      N_("Look for the time between the lines: what was sent and did not arrive as something new was lost or "
         "repeated. A flat top is the wire's rate, or a window's worth a round trip.")},
     {"wire", N_("Time on the wire: delay and queue")},
     {"wire_look", N_("Look for what rises above the lowest dots: that is waiting, in the queue before the "
                      "wire's rate or held on purpose. Strokes at the top are packets that never arrived.")},
     {"duplicate_acks", N_("duplicate ACKs")},
     {"sack_blocks", N_("SACK blocks")},
     {"window_edge", N_("window's edge")},
     {"window_edge_above", N_("window's edge, above the picture: {} of room")},
     {"window_above", N_("window the receiver offers, above the picture: {}")},
     {"cwnd", N_("cwnd, segments")},
     {"ssthresh", N_("ssthresh, segments")},
     {"segments_unit", N_("segments")},
     {"rtt_each", N_("round trips")},
     {"srtt_kernel", N_("SRTT, the kernel's")},
     {"rto_kernel", N_("RTO, the kernel's, with back-off")},
     {"srtt_computed", N_("SRTT by RFC 6298")},
     {"rto_computed", N_("RTO by RFC 6298")},
     {"waited", N_("waited for the timer")},
     {"rate_sent", N_("sent, with headers")},
     {"rate_taken", N_("arrived, new bytes")},
     {"on_the_wire", N_("time on the wire")},
     {"lost_queue", N_("lost at a full queue")},
     {"ip_version", N_("Version: which IP this is, 4 or 6 (RFC 791 3.1, RFC 8200 3).")},
     {"ip_ihl", N_("Internet Header Length: the header's length in units of 4 bytes; 5 without options (RFC "
                   "791 3.1).")},
     {"ip_dscp", N_("Differentiated Services: what treatment the packet asks of routers (RFC 2474 3).")},
     {"ip_ecn", N_("Explicit Congestion Notification: a router that has a queue may write CE here rather "
                   "than lose the packet (RFC 3168 5).")},
     {"ip_length", N_("Total Length: of the packet in bytes, header and data together (RFC 791 3.1).")},
     {"ip_id", N_("Identification: tells which fragments belong together; without fragments it says nothing "
                  "(RFC 6864 4).")},
     {"ip_reserved", N_("Reserved, must be zero (RFC 791 3.1).")},
     {"ip_df", N_("Don't Fragment: a router that cannot pass it on whole must drop it and say so by ICMP; so "
                  "TCP learns the path's MTU (RFC 1191 2).")},
     {"ip_mf", N_("More Fragments: others of the same packet follow (RFC 791 3.1).")},
     {"ip_offset",
      N_("Fragment Offset: where in the whole packet this fragment belongs, in bytes here (RFC 791 3.1).")},
     {"ip_ttl", N_("Time to Live, Hop Limit in IPv6: each router takes one off, and at zero drops the "
                   "packet, so that none goes in circles for ever (RFC 791 3.2, RFC 8200 3).")},
     {"ip_protocol", N_("Protocol, Next Header in IPv6: what comes behind this header; 6 is TCP (RFC 791 "
                        "3.1, RFC 8200 3).")},
     {"ip_checksum", N_("Header Checksum: over this header alone; each router that changes the TTL changes "
                        "it too (RFC 791 3.1, RFC 1624).")},
     {"ip_source", N_("Source Address: who sent it (RFC 791 3.1, RFC 8200 3).")},
     {"ip_destination", N_("Destination Address: whom it is for (RFC 791 3.1, RFC 8200 3).")},
     {"ip_options", N_("Options of the IP header (RFC 791 3.1).")},
     {"ip_flow", N_("Flow Label: the same for all packets of a connection, so that routers may keep them on "
                    "one path (RFC 6437 2).")},
     {"ip_payload", N_("Payload Length: of what follows this header, in bytes (RFC 8200 3).")},
     {"tcp_source", N_("Source Port: the program on the sending host. Both addresses and both ports together "
                       "name the connection (RFC 9293 3.1, 3.3.1).")},
     {"tcp_destination", N_("Destination Port: the program that it is for (RFC 9293 3.1).")},
     {"tcp_seq",
      N_("Sequence Number: of the first byte of data in this segment; with SYN the initial one, which is "
         "chosen so that it cannot be guessed. The relative one counts from it (RFC 9293 3.1, 3.4.1).")},
     {"tcp_acknowledgment",
      N_("Acknowledgment Number: the next byte that the sender of this segment expects; all before it has "
         "arrived. It counts only with the ACK flag (RFC 9293 3.1).")},
     {"tcp_offset",
      N_("Data Offset: the header's length in units of 4 bytes, so where the data begins (RFC 9293 3.1).")},
     {"tcp_reserved",
      N_("Reserved for later; zero, unless the hosts use a newer way of ECN (RFC 9293 3.1).")},
     {"tcp_cwr",
      N_("Congestion Window Reduced: the sender has answered the ECE that it saw (RFC 3168 6.1).")},
     {"tcp_ece",
      N_("ECN-Echo: a packet came with the mark of congestion; in a SYN: ECN is offered (RFC 3168 6.1).")},
     {"tcp_urg",
      N_("Urgent: the Urgent Pointer counts. New programs should not use it (RFC 9293 3.8.5, RFC 6093).")},
     {"tcp_ack", N_("ACK: the Acknowledgment Number counts; it is set in every segment after the first SYN "
                    "(RFC 9293 3.1).")},
     {"tcp_psh", N_("Push: the sender has no more to add for now; the receiver should hand over what it has "
                    "(RFC 9293 3.9.1.2).")},
     {"tcp_rst", N_("Reset: there is no such connection, or it ends here and now (RFC 9293 3.5.2).")},
     {"tcp_syn", N_("Synchronize: begins a connection and tells the initial sequence number; it takes one "
                    "number itself (RFC 9293 3.4, 3.5).")},
     {"tcp_fin", N_("Finish: the sender has no more data; it takes one sequence number, and the other "
                    "direction goes on until it too ends (RFC 9293 3.6).")},
     {"tcp_window", N_("Window: how many bytes beyond the acknowledged ones the sender of this segment will "
                       "take: flow control. Multiplied by the scale that was told with the SYN, but never in "
                       "a SYN itself (RFC 9293 3.8.6, RFC 7323 2.2).")},
     {"tcp_checksum", N_("Checksum: over header, data and the IP addresses. Where it does not fit the "
                         "segment is dropped without a word, as if it were lost (RFC 9293 3.1).")},
     {"tcp_urgent", N_("Urgent Pointer: where urgent data ends; it counts only with URG (RFC 9293 3.8.5).")},
     {"opt_end", N_("End of the options (RFC 9293 3.2).")},
     {"opt_nop",
      N_("No-Operation: fills up, so that the next option begins at a multiple of four (RFC 9293 3.2).")},
     {"opt_mss", N_("Maximum Segment Size: the most data that the sender of this SYN takes in one segment, "
                    "headers not counted (RFC 9293 3.7.1).")},
     {"opt_scale", N_("Window Scale: from here on its windows count in units of this many bytes; it works "
                      "when both sides offer it (RFC 7323 2).")},
     {"opt_sack_ok", N_("SACK Permitted: it can read selective acknowledgements (RFC 2018 2).")},
     {"opt_sack", N_("SACK: bytes that arrived although some before them are missing; so the sender repeats "
                     "only what is lost (RFC 2018 3).")},
     {"opt_time", N_("Timestamps: the sender's clock and the last one it heard: measures round trips and "
                     "tells old segments (RFC 7323 3).")},
     {"opt_other",
      N_("An option that this page does not know; hosts that do not know it pass over it (RFC 9293 3.1).")}});

}  // namespace

std::string page_words() { return words_json(words); }

std::string words_json(std::span<const page_word> of) {
    std::string out = "{";
    for (const auto& [key, text] : of) {
        out += (out.size() > 1 ? "," : "") + json_string(key) + ":" + json_string(_(text));
    }
    return out + "}";
}

namespace {

std::string opening(const run_report& report) {
    const auto& first = report.flows.front();
    if (report.flows.size() > 1) {
        return counted("Over {} connection", "Over {} connections", report.flows.size());
    }
    if (first.established) {
        return sentence(_("Over a connection that the {} opened"), side_text(first.opened_by));
    }
    return first.syn_sent
               ? sentence(_("The {} asked for a connection and got none"), side_text(first.opened_by))
               : std::string(_("A connection was under way already"));
}

}  // namespace

std::string headline(const run_report& report) {
    if (report.flows.empty()) {
        return _("No TCP packet crossed the wire.");
    }
    std::array<std::uint64_t, 2> bytes{};
    std::array<std::uint64_t, 2> closed{};
    std::uint64_t resent = 0;
    std::uint64_t timeouts = 0;
    for (const auto& one : report.flows) {
        for (const auto from : {side::client, side::server}) {
            const auto& half = one.half(from);
            bytes[index(from)] += half.written.bytes();
            closed[index(from)] += half.zero_window_episodes;
            resent += half.resent;
            timeouts += half.resent_by[static_cast<std::size_t>(resend_cause::timeout)];
        }
    }
    auto out = opening(report);
    if (bytes[0] + bytes[1] > 0) {
        out += ", " +
               sentence(report.payload_intact()
                            ? _("{} B went to the server and {} B came to the client, whole and in order")
                            : _("{} B were sent to the server and {} B to the client, and NOT ALL ARRIVED"),
                        number_text(bytes[0]), number_text(bytes[1]));
    } else if (report.flows.front().established) {
        out += ", " + std::string(_("no data was sent"));
    }
    if (report.lost() > 0) {
        out += "; " + sentence(_("packets lost on the wire: {} of {}"), number_text(report.lost()),
                               number_text(report.packets));
    }
    if (resent > 0) {
        out += "; " + counted("{} segment was sent again", "{} segments were sent again", resent);
    }
    if (timeouts > 0) {
        out += ", " + sentence(_("{} of them because the timer ran out"), number_text(timeouts));
    }
    for (const auto host : {side::client, side::server}) {
        if (closed[index(host)] > 0) {
            out +=
                "; " + counted("the {1}'s window was closed {0} time",
                               "the {1}'s window was closed {0} times", closed[index(host)], side_text(host));
        }
    }
    return out + ".";
}

}  // namespace aperto::lab

// SPDX-License-Identifier: MIT
#include "lab/view/narrator.hpp"

#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "core/utf8.hpp"
#include "lab/analysis/quantity.hpp"

#include <algorithm>

namespace aperto::lab {

std::string side_text(side one) { return one == side::client ? _("client") : _("server"); }

std::string excerpt_text(const event& one) {
    const std::string_view bytes(one.excerpt.data(), one.excerpt_size);
    const bool text = !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t';
    });
    if (!text) {
        return {};
    }
    constexpr std::size_t columns_max = 36;
    std::string shown;
    for (auto rest = bytes.substr(0, utf8::complete_prefix(bytes)); !rest.empty();) {
        const auto size = utf8::decode(rest.data(), rest.data() + rest.size()).size;
        const auto next = log_safe(rest.substr(0, size));
        if (display_width(shown) + display_width(next) > columns_max) {
            return "\"" + shown + "…\"";
        }
        shown += next;
        rest.remove_prefix(size);
    }
    return "\"" + shown + (one.seen.payload > bytes.size() ? "…\"" : "\"");
}

std::string narrator::missing_text(const event& one) const {
    const auto fin = fin_at_.find({one.flow, other(one.from)});
    if (fin != fin_at_.end() && fin->second == one.acknowledgement) {
        return _("the FIN");
    }
    return sentence(_("byte {}"), number_text(one.acknowledgement));
}

std::string narrator::block_text(const event& one, std::size_t block) const {
    const auto begin = one.sack[2 * block];
    const auto end = one.sack[2 * block + 1];
    const auto fin = fin_at_.find({one.flow, other(one.from)});
    const bool with_fin = fin != fin_at_.end() && fin->second >= begin && fin->second < end;
    const auto last = end - (with_fin ? 2 : 1);
    std::string bytes;
    if (begin < last) {
        bytes = sentence(_("bytes {}–{}"), number_text(begin), number_text(last));
    } else if (begin == last) {
        bytes = sentence(_("byte {}"), number_text(begin));
    }
    return !with_fin       ? bytes
           : bytes.empty() ? std::string(_("the FIN"))
                           : sentence(_("{} and the FIN"), bytes);
}

void narrator::handshake(const event& one, std::vector<std::string>& out) {
    if (!one.seen.has(tcp_flag::syn)) {
        return;
    }
    follow_handshake(one);
    if (one.is(mark::retransmission)) {
        return;
    }
    // RFC 9293 3.7.1: what a side takes that announces nothing.
    const unsigned unannounced = one.seen.source.is_v6 ? 1220 : 536;
    const auto mss = number_text(one.seen.options.mss.value_or(static_cast<std::uint16_t>(unannounced)));
    const auto window = number_text(one.window);
    const bool answers = one.is_kind(kind::syn_ack);
    if (first(answers ? "syn-ack" : "syn")) {
        out.push_back(sentence(answers
                                   ? _("SYN/ACK: the {} accepts; it takes segments of up to {} bytes (MSS), "
                                       "{} bytes for now (window)")
                                   : _("SYN: the {} asks to connect; it takes segments of up to {} bytes "
                                       "(MSS), {} bytes for now (window)"),
                               side_text(one.from), mss, window));
    } else {
        out.push_back(sentence(answers ? _("accepts, MSS {}") : _("asks to connect, MSS {}"), mss));
    }
    options(one, out);
}

/// The options of a SYN under the names of their RFCs. The scale counts only once both have sent one (RFC
/// 7323 2.2), and never for a SYN's own window.
void narrator::options(const event& one, std::vector<std::string>& out) {
    const auto& options = one.seen.options;
    if (options.sack_permitted) {
        out.emplace_back(_("SACK permitted"));
    }
    if (options.window_scale) {
        const auto shift = std::min<unsigned>(*options.window_scale, 14U);
        out.push_back(
            one.is_kind(kind::syn_ack) && shift > 0 && first("scale")
                ? sentence(_("window scale {}: its windows count in units of {} bytes from here on"), shift,
                           number_text(std::uint64_t{1} << shift))
                : sentence(_("window scale {}"), shift));
    }
    if (options.has_timestamps) {
        out.emplace_back(_("timestamps"));
    }
}

void narrator::follow_handshake(const event& one) {
    auto& how = handshakes_[one.flow];
    how.repeated = how.repeated || one.is(mark::retransmission);
    if (one.is_kind(kind::syn) && !how.syn_sent) {
        how.syn_sent = one.sent;
    }
    if (one.is_kind(kind::syn_ack) && one.end == fate::delivered && !how.answered) {
        how.answered = one.arrived;
    }
}

void narrator::repetition(const event& one, std::vector<std::string>& out) {
    const auto waited = duration_text(one.since_last);
    switch (one.resent_by) {
    case resend_cause::none:
        return;
    case resend_cause::timeout:
        out.push_back(
            first("timeout")
                ? sentence(_("SENT AGAIN: no acknowledgement for {} (timeout); the timer doubles"), waited)
                : sentence(_("SENT AGAIN after {} (timeout)"), waited));
        break;
    case resend_cause::after_timeout:
        out.push_back(sentence(_("SENT AGAIN: the rest of what was under way when the timer ran out")));
        break;
    case resend_cause::fast:
        out.push_back(
            first("fast")
                ? sentence(
                      _("SENT AGAIN after {}: duplicate ACKs or SACK told that it is missing; no timeout "
                        "was needed (fast retransmit or RACK)"),
                      waited)
                : sentence(_("SENT AGAIN after {} (fast retransmit or RACK)"), waited));
        break;
    case resend_cause::tail_probe:
        out.push_back(sentence(
            _("SENT AGAIN after {}: the last segment, to ask whether it arrived (tail loss probe)"), waited));
        break;
    case resend_cause::too_big:
        out.push_back(first("too-big")
                          ? sentence(_("SENT AGAIN in smaller pieces: the path takes no larger ones"))
                          : sentence(_("SENT AGAIN, smaller")));
        break;
    case resend_cause::repeated_syn:
        out.push_back(sentence(_("SENT AGAIN: it answers the SYN that came once more")));
        break;
    case resend_cause::syn_data:
        out.push_back(sentence(_("SENT AGAIN: with the SYN it was not taken")));
        break;
    case resend_cause::closed_window:
        out.push_back(
            sentence(_("SENT AGAIN after {} into a closed window, to ask whether it is open"), waited));
        break;
    case resend_cause::unknown:
    case resend_cause::count_:
        out.push_back(sentence(_("SENT AGAIN; the first time was not seen")));
        break;
    }
}

void narrator::acknowledgement(const event& one, std::vector<std::string>& out) {
    if (one.is(mark::duplicate_ack)) {
        out.push_back(
            first("duplicate")
                ? sentence(_("duplicate ACK: something arrived, but {} is still missing"), missing_text(one))
                : sentence(_("duplicate ACK #{}"), one.duplicate_ack_run));
    }
    if (one.is(mark::dsack)) {
        out.push_back(
            sentence(first("dsack") ? _("D-SACK: came a second time, delivered once: {}") : _("D-SACK: {}"),
                     block_text(one, 0)));
    } else if (one.is(mark::sack)) {
        std::vector<std::string> blocks;
        for (std::size_t i = 0; i < one.seen.options.sack_count; ++i) {
            blocks.push_back(block_text(one, i));
        }
        out.push_back(sentence(first("sack") ? _("SACK: already here: {}") : _("SACK: {}"),
                               fmt::format("{}", fmt::join(blocks, ", "))));
    }
}

void narrator::window(const event& one, std::vector<std::string>& out) {
    if (one.is(mark::zero_window)) {
        out.push_back(first("zero-window") ? sentence(_("ZERO WINDOW: the {} can take no more until its "
                                                        "program has read; the sender must wait"),
                                                      side_text(one.from))
                                           : sentence(_("zero window")));
    }
    if (one.is(mark::probe)) {
        out.push_back(first("probe") ? sentence(_("window probe: is there room again?"))
                                     : sentence(_("window probe")));
    }
    if (one.is(mark::window_update)) {
        out.push_back(first("update") ? counted("window update: there is room for {} byte",
                                                "window update: there is room for {} bytes", one.window)
                                      : sentence(_("window update")));
    }
    if (one.is(mark::window_full)) {
        out.push_back(first("full") ? sentence(_("fills the window: the sender must now wait for an ACK"))
                                    : sentence(_("fills the window")));
    }
    if (one.is(mark::keepalive)) {
        out.push_back(sentence(_("keepalive: are you still there?")));
    }
}

void narrator::arrival(const event& one, std::vector<std::string>& out) {
    if (one.end != fate::delivered) {
        return;
    }
    if (one.is(mark::out_of_order)) {
        out.push_back(
            first("ahead")
                ? sentence(_("OUT OF ORDER: bytes before it are missing; the receiver keeps it and waits"))
                : sentence(_("out of order")));
    } else if (one.is(mark::fills_gap)) {
        out.push_back(first("gap") ? sentence(_("fills the gap: now everything up to here is in order"))
                                   : sentence(_("fills the gap")));
    } else if (one.is(mark::seen_before) && one.seen.payload > 0 && !one.is(mark::probe | mark::keepalive)) {
        out.push_back(
            first("again")
                ? sentence(_("was there already: the receiver drops it, the program reads each byte once"))
                : sentence(_("was there already")));
    }
    if (one.is(mark::overtaken)) {
        out.push_back(sentence(_("overtaken on the way")));
    }
}

std::string narrator::rule_text(const event& one) const {
    const auto place = static_cast<std::size_t>(one.rule);
    return one.rule >= 0 && place < named_->size() ? (*named_)[place].text : std::string();
}

std::string narrator::loss(const event& one) const {
    switch (one.lost_by) {
    case loss_cause::named:
        return sentence(_("lost: {}"), rule_text(one));
    case loss_cause::random:
        return _("lost: by chance (loss)");
    case loss_cause::burst:
        return _("lost: in a burst");
    case loss_cause::listed:
        return _("lost: on the list");
    case loss_cause::blackhole:
        return _("lost: the wire is dead (blackhole)");
    case loss_cause::queue_packets:
    case loss_cause::queue_bytes:
        return _("lost: the queue is full");
    case loss_cause::mtu:
        return _("lost: larger than the wire's MTU");
    case loss_cause::replayed:
        return _("lost: as in the decision log");
    case loss_cause::ended:
        return _("lost: the run ended");
    case loss_cause::refused:
        return _("lost: the receiving kernel refused it");
    case loss_cause::none:
        break;
    }
    return {};
}

void narrator::faults(const event& one, std::vector<std::string>& out) {
    if (one.struck(fault::copy)) {
        out.push_back(sentence(first("copy") ? _("COPY of packet {}, made by the wire") : _("copy of {}"),
                               one.copy_of));
    }
    if (one.struck(fault::made_by_wire)) {
        out.push_back(sentence(_("ICMP: the wire says: too large, packets of up to {} bytes pass (MTU)"),
                               number_text(one.seen.icmp_mtu)));
    }
    if (one.struck(fault::corrupted)) {
        out.push_back(one.is(mark::bad_checksum) && first("corrupted")
                          ? sentence(_("DAMAGED on the wire (bit {}): the checksum does not "
                                       "fit, the receiver throws it away"),
                                     one.corrupt_bit)
                          : sentence(_("damaged (bit {})"), one.corrupt_bit));
    }
    if (one.struck(fault::held)) {
        out.push_back(sentence(_("held back: {}"), rule_text(one)));
    }
    if (one.struck(fault::reordered)) {
        out.push_back(sentence(_("held back until others have passed")));
    }
    if (one.struck(fault::ce_marked)) {
        out.push_back(sentence(_("marked by the wire: congestion (ECN CE)")));
    }
}

void narrator::data(const event& one, std::vector<std::string>& out) {
    if (one.seen.payload == 0 || one.is(mark::retransmission) || one.struck(fault::copy)) {
        return;
    }
    const auto text = excerpt_text(one);
    const auto key = one.from == side::client ? "data-client" : "data-server";
    if (first(key)) {
        out.push_back(counted("data: {} byte of the {}'s stream, whose first byte has the number 1",
                              "data: {} bytes of the {}'s stream, whose first byte has the number 1",
                              one.seen.payload, side_text(one.from)));
    }
    if (!text.empty()) {
        out.push_back(text);
    }
}

void narrator::ending(const event& one, std::vector<std::string>& out) {
    const auto who = side_text(one.from);
    if (one.is_kind(kind::fin) && !one.is(mark::retransmission)) {
        out.push_back(first(one.from == side::client ? "fin-client" : "fin-server")
                          ? sentence(_("FIN: the {} has nothing more to send"), who)
                          : std::string("FIN"));
    }
    const auto how = handshakes_.find(one.flow);
    if (one.is_kind(kind::rst)) {
        // RFC 9293 3.10.7.1: what answers a SYN where nobody listens. No connection was there to be broken off.
        const bool refused = how != handshakes_.end() && how->second.syn_sent && !how->second.answered;
        const auto* const words = refused        ? _("RST: the {} refuses the connection")
                                  : first("rst") ? _("RST: the {} breaks the connection off")
                                                 : _("reset by the {}");
        out.push_back(sentence(words, who));
    }
    const bool third = one.end == fate::delivered && one.is_kind(kind::ack) && how != handshakes_.end() &&
                       one.sequence == 1 && one.acknowledgement == 1;
    const bool asked = one.is_kind(kind::ack) && asked_.erase({one.flow, other(one.from)}) > 0;
    if (one.is(mark::keepalive) && one.end == fate::delivered) {
        asked_.insert({one.flow, one.from});
    }
    if (third && connected_.insert(one.flow).second) {
        out.push_back(connected_text(one, how->second));
    } else if (asked && first("alive")) {
        out.push_back(sentence(_("ACK: it answers the keepalive, the {} is still there"), who));
    } else if (one.is_kind(kind::ack) && one.acknowledgement > 1 &&
               !one.is(mark::duplicate_ack | mark::window_update | mark::dsack)) {
        acknowledged(one, out);
    }
}

/// A round trip is told of a handshake alone in which nothing was sent again: of a segment that was sent
/// twice nobody knows which one was answered (Karn's algorithm, RFC 6298 3).
std::string narrator::connected_text(const event& one, const began& how) const {
    if (!how.syn_sent || !how.answered) {
        return _("ACK: connected");
    }
    return how.repeated
               ? sentence(_("ACK: connected {} after the first SYN; what was sent again gives no round "
                            "trip (Karn's algorithm)"),
                          duration_text(one.sent - *how.syn_sent))
               : sentence(_("ACK: connected; the round trip took {}"),
                          duration_text(*how.answered - *how.syn_sent));
}

/// What an acknowledgement number says: the number of the next byte awaited; the FIN takes one too (RFC 9293
/// 3.4).
void narrator::acknowledged(const event& one, std::vector<std::string>& out) {
    const auto fin = fin_at_.find({one.flow, other(one.from)});
    if (fin != fin_at_.end() && one.acknowledgement == fin->second + 1) {
        if (first("ack-fin")) {
            out.emplace_back(_("ACK: everything has arrived, and the FIN, which takes a number like a byte"));
        }
    } else if (first("ack")) {
        out.push_back(
            sentence(_("ACK: everything before byte {} has arrived"), number_text(one.acknowledgement)));
    }
}

std::string narrator::again(const event& one) {
    std::vector<std::string> parts;
    repetition(one, parts);
    return fmt::format("{}", fmt::join(parts, " · "));
}

std::string narrator::about(const event& one) {
    if (one.seen.is_tcp && one.seen.has(tcp_flag::fin)) {
        fin_at_[{one.flow, one.from}] = one.end_sequence - 1;
    }
    std::vector<std::string> parts;
    handshake(one, parts);
    repetition(one, parts);
    faults(one, parts);
    window(one, parts);
    acknowledgement(one, parts);
    ending(one, parts);
    arrival(one, parts);
    data(one, parts);
    return fmt::format("{}", fmt::join(parts, " · "));
}

}  // namespace aperto::lab

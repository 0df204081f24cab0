// SPDX-License-Identifier: MIT
#include "lab/narrator.hpp"

#include "core/log_safe.hpp"
#include "lab/quantity.hpp"
#include "lab/sentence.hpp"

#include <algorithm>

namespace aperto::lab {

std::string side_text(side one) { return one == side::client ? _("client") : _("server"); }

std::string excerpt_text(const event& one, std::size_t most) {
    const std::string_view bytes(one.excerpt.data(), std::min<std::size_t>(one.excerpt_size, most));
    const bool text = !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t';
    });
    if (!text) {
        return {};
    }
    const bool more = one.seen.payload > bytes.size();
    return "\"" + log_safe(bytes) + (more ? "…\"" : "\"");
}

void narrator::handshake(const event& one, std::vector<std::string>& out) {
    const auto& seen = one.seen;
    const auto who = side_text(one.from);
    const auto mss = number_text(seen.options.mss.value_or(536));
    if (one.is(mark::retransmission)) {
        return;
    }
    if (one.is_kind(kind::syn)) {
        syn_sent_[one.flow] = one.sent;
        out.push_back(
            first("syn")
                ? sentence(_("SYN: the {} asks to connect; it can take {} bytes at once, packets up to {}"),
                           who, number_text(one.window), mss)
                : sentence(_("asks to connect, packets up to {}"), mss));
    } else if (one.is_kind(kind::syn_ack)) {
        out.push_back(
            first("syn-ack")
                ? sentence(_("SYN/ACK: the {} accepts; it can take {} bytes at once, packets up to {}"), who,
                           number_text(one.window), mss)
                : sentence(_("accepts, packets up to {}"), mss));
    }
    if (seen.has(tcp_flag::syn)) {
        std::string options;
        if (seen.options.sack_permitted) {
            options += " SACK";
        }
        if (seen.options.window_scale) {
            options += fmt::format(" ×{}", 1U << std::min<unsigned>(*seen.options.window_scale, 14U));
        }
        if (seen.options.has_timestamps) {
            options += " TS";
        }
        if (!options.empty()) {
            out.push_back(options.substr(1));
        }
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
                      _("SENT AGAIN after {}: duplicate ACKs and SACK tell that it is missing; no timeout "
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
        out.push_back(first("duplicate")
                          ? sentence(_("duplicate ACK: something arrived, but byte {} is still missing"),
                                     number_text(one.acknowledgement))
                          : sentence(_("duplicate ACK #{}"), one.duplicate_ack_run));
    }
    if (one.is(mark::dsack)) {
        out.push_back(sentence(first("dsack")
                                   ? _("D-SACK: bytes {}–{} came a second time; they are delivered once")
                                   : _("D-SACK {}–{}"),
                               number_text(one.sack[0]), number_text(one.sack[1] - 1)));
    } else if (one.is(mark::sack)) {
        std::string blocks;
        for (std::size_t i = 0; i < one.seen.options.sack_count; ++i) {
            blocks += fmt::format("{}{}–{}", i == 0 ? "" : ", ", number_text(one.sack[2 * i]),
                                  number_text(one.sack[2 * i + 1] - 1));
        }
        out.push_back(
            sentence(first("sack") ? _("SACK: but bytes {} are already here") : _("SACK {}"), blocks));
    }
}

void narrator::window(const event& one, std::vector<std::string>& out) {
    if (one.is(mark::zero_window)) {
        out.push_back(
            first("zero-window")
                ? sentence(_("ZERO WINDOW: the {} can take no more until it has read; the sender must wait"),
                           side_text(one.from))
                : sentence(_("zero window")));
    }
    if (one.is(mark::probe)) {
        out.push_back(first("probe") ? sentence(_("window probe: is there room again?"))
                                     : sentence(_("window probe")));
    }
    if (one.is(mark::window_update)) {
        out.push_back(first("update") ? sentence(_("window update: there is room again, {} bytes"),
                                                 number_text(one.window))
                                      : sentence(_("window update")));
    }
    if (one.is(mark::window_full)) {
        out.push_back(first("full") ? sentence(_("fills the window: the sender must now wait for room"))
                                    : sentence(_("window full")));
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
        out.push_back(
            sentence(_("ICMP: the wire says: too large, at most {} bytes"), number_text(one.seen.icmp_mtu)));
    }
    if (one.struck(fault::corrupted)) {
        out.push_back(first("corrupted") ? sentence(_("DAMAGED on the wire (bit {}): the checksum does not "
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
        out.push_back(sentence(_("data: {} bytes of the {}'s stream, which begins with byte 1"),
                               number_text(one.seen.payload), side_text(one.from)));
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
    if (one.is_kind(kind::rst)) {
        out.push_back(
            sentence(first("rst") ? _("RST: the {} breaks the connection off") : _("reset by the {}"), who));
    }
    const bool third = one.end == fate::delivered && one.is_kind(kind::ack) && syn_sent_.contains(one.flow) &&
                       one.sequence == 1 && one.acknowledgement == 1;
    if (third && connected_.insert(one.flow).second) {
        // From the first SYN on: where one was lost, it is much more than round trips.
        out.push_back(sentence(_("ACK: connected; the handshake took {}"),
                               duration_text(one.arrived - syn_sent_[one.flow])));
    } else if (one.is_kind(kind::ack) && one.acknowledgement > 1 &&
               !one.is(mark::duplicate_ack | mark::window_update | mark::dsack) && first("ack")) {
        out.push_back(
            sentence(_("ACK: everything before byte {} has arrived"), number_text(one.acknowledgement)));
    }
}

std::string narrator::about(const event& one) {
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

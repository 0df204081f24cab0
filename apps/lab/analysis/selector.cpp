// SPDX-License-Identifier: MIT
#include "lab/analysis/selector.hpp"

#include <algorithm>

namespace aperto::lab {

namespace {

bool repeats(const selector& wanted, const event& one) {
    if (!one.is(mark::retransmission)) {
        return false;
    }
    if (wanted.times && !wanted.times->holds(one.resent_times)) {
        return false;
    }
    if (wanted.cause && *wanted.cause != one.resent_by) {
        return false;
    }
    if (!wanted.numbers) {
        return true;
    }
    // SYN and FIN are sent anew once a connection: their one original is number 1.
    const bool control = wanted.what == kind::syn || wanted.what == kind::syn_ack || wanted.what == kind::fin;
    if (control) {
        return wanted.numbers->holds(1);
    }
    return one.resent_first != 0 && wanted.numbers->first <= one.resent_last &&
           one.resent_first <= wanted.numbers->last;
}

bool kind_fits(const selector& wanted, const event& one) {
    if (!one.is_kind(wanted.what)) {
        return false;
    }
    if (wanted.retransmission) {
        return repeats(wanted, one);
    }
    return !wanted.numbers || wanted.numbers->holds(one.ordinal[static_cast<std::size_t>(wanted.what)]);
}

}  // namespace

bool selector::matches(const event& one) const noexcept {
    if (from && *from != one.from) {
        return false;
    }
    if (flow && *flow != one.flow) {
        return false;
    }
    if (one.struck(fault::copy) && (faults & fault::copy) == 0 && end != fate::delivered) {
        return false;  // no host sent it, so it is not what the words name
    }
    if ((one.marks & marks) != marks || (one.faults & faults) != faults || (end && *end != one.end)) {
        return false;
    }
    if (bytes) {
        const auto first = one.end_sequence - one.seen.payload;
        return one.seen.payload > 0 && first <= bytes->last && bytes->first < one.end_sequence;
    }
    return kind_fits(*this, one);
}

}  // namespace aperto::lab

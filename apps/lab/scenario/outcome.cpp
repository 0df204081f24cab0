// SPDX-License-Identifier: MIT
#include "lab/scenario/outcome.hpp"

#include "core/sentence.hpp"

#include <algorithm>

namespace aperto::lab {

namespace {

bool expects_no_connection(const expectation& one) {
    return one.what == expectation::subject::connections && one.op == "=" && one.value == 0;
}

bool expects_silence(const expectation& one) {
    const bool client_fails =
        one.what == expectation::subject::exits && one.host == side::client && one.value != 0;
    return client_fails || one.what == expectation::subject::connections;
}

bool somebody_talked(const run_report& report) {
    return report.datagrams > 0 || std::any_of(report.flows.begin(), report.flows.end(),
                                               [](const flow& one) { return one.established.has_value(); });
}

}  // namespace

std::string why_void(const run_report& report, const std::vector<expectation>& expected) {
    if (report.interrupted != 0) {
        return _("interrupted");
    }
    if (report.timed_out) {
        return _("the time was up");
    }
    if (report.wire_failed()) {
        return _("the wire lost what it was not told to lose");
    }
    if (!report.programs[index(side::client)].started) {
        return std::any_of(expected.begin(), expected.end(), expects_no_connection)
                   ? std::string()
                   : sentence(_("the server ended with {} before it was ready, so the client did not run"),
                              report.programs[index(side::server)].code);
    }
    if (!somebody_talked(report) && std::none_of(expected.begin(), expected.end(), expects_silence)) {
        return _("no connection was made and no datagram arrived");
    }
    return {};
}

}  // namespace aperto::lab

// SPDX-License-Identifier: MIT
//
// watch/: what `aperto watch` shows, as it happens. sock_diag and admin_source know connections, of any process and of
// a server that answers at --admin (admin_json reads what it says, http_fetch asks); watched remembers each for two
// minutes, and blame says what held it up; columns are what can be told of one, table_view and connection_view make
// rows of a screen, graph its graphs, watch_json a line for programs; screen has the terminal, watch the command.
#pragma once

#include "aperto/time.hpp"

#include <chrono>
#include <string>

namespace aperto::cli {

struct watch_request {
    /// "HOST:PORT", ":PORT", a process's number, "unix:PATH", "all".
    std::string target = ":9999";
    duration refresh = std::chrono::seconds(1);
    std::string sort;    ///< a column's name; empty: the peer
    std::string filter;  ///< words that a row must have
    bool once = false;
    bool json = false;
};
int run_watch(const watch_request& request);

}  // namespace aperto::cli

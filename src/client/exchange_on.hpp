// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"

namespace aperto::client {

/// One question and its answer on a connection that is there and stays, by `until`. The caller keeps all of them until it
/// ends. Throws as `async_ask`: `errc::cut_short` where the connection broke off, `errc::deadline`.
task<std::string> exchange_on(stream& peer, const std::string& message, const client_options& options,
                              time_point until);

}  // namespace aperto::client

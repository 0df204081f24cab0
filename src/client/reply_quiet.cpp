// SPDX-License-Identifier: MIT
#include "client/reply_quiet.hpp"

#include <algorithm>

namespace aperto::client {

duration reply_quiet(const tcp_facts& known) {
    constexpr int timeouts = 1 + 2 + 4;
    constexpr duration least = std::chrono::seconds(1);
    return std::max<duration>(timeouts * known.rto.value_or(tcp_facts::microseconds(0)), least);
}

}  // namespace aperto::client

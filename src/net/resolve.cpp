// SPDX-License-Identifier: MIT
#include "aperto/resolve.hpp"

#include "io/host_text.hpp"
#include "io/look_up.hpp"
#include "net/ask_name_service.hpp"

namespace aperto {

task<std::vector<endpoint>> resolve(host_port where, int family) {
    if (const std::optional<endpoint> only = io::as_address(where)) {
        std::vector<endpoint> one{*only};
        co_return one;
    }
    auto question = [where, family](loop* simulated) {
        return simulated ? simulated->look_up(where.host, where.port, family)
                         : io::look_up(where.host, where.port, family);
    };
    auto asking = net::ask_name_service(std::move(question));
    co_return co_await asking;
}

}  // namespace aperto

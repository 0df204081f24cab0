// SPDX-License-Identifier: MIT
#include "aperto/error.hpp"
#include "aperto/loop.hpp"
#include "aperto/resolve.hpp"
#include "core/log_safe.hpp"
#include "io/look_up.hpp"
#include "net/ask_name_service.hpp"

#include <algorithm>
#include <utility>

namespace aperto {
namespace {

/// RFC 2782: those of one priority are drawn one after the other, each as often as its weight says of what is left. Those
/// of weight 0 stand first of them, so that they have a small chance.
void draw(std::vector<service_record>::iterator first, std::vector<service_record>::iterator last, loop& by) {
    for (; first != last; ++first) {
        std::uint64_t all = 0;
        for (auto each = first; each != last; ++each)
            all += each->weight;
        const std::uint64_t drawn = by.random() % (all + 1);
        std::uint64_t sum = first->weight;
        auto chosen = first;
        while (sum < drawn)
            sum += (++chosen)->weight;
        std::rotate(first, chosen, chosen + 1);
    }
}

void put_in_order(std::vector<service_record>& records, loop& by) {
    std::sort(records.begin(), records.end(), [](const service_record& one, const service_record& other) {
        return std::pair(one.priority, one.weight > 0) < std::pair(other.priority, other.weight > 0);
    });
    for (auto first = records.begin(); first != records.end();) {
        const auto last = std::find_if(first, records.end(), [first](const service_record& each) {
            return each.priority != first->priority;
        });
        draw(first, last, by);
        first = last;
    }
}

}  // namespace

task<std::vector<host_port>> resolve_service(std::string name) {
    auto question = [name](loop* simulated) {
        return simulated ? simulated->look_up_service(name) : io::look_up_service(name);
    };
    auto asking = net::ask_name_service(std::move(question));
    std::vector<service_record> records = co_await asking;
    // "." as the only host: the domain has no such service, and says so.
    std::erase_if(records, [](const service_record& each) {
        return each.where.host.empty() || each.where.host == ".";
    });
    if (records.empty())
        throw error(errc::name_not_found, "find the hosts of", log_safe(name),
                    "The domain offers no such service.");
    put_in_order(records, loop::current());
    std::vector<host_port> hosts;
    hosts.reserve(records.size());
    for (service_record& each : records)
        hosts.push_back(std::move(each.where));
    co_return hosts;
}

}  // namespace aperto

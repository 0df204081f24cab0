// SPDX-License-Identifier: MIT
#include "client/name_search.hpp"

#include "aperto/error.hpp"
#include "aperto/resolve.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <new>

namespace aperto::client {
namespace {

task<> ask(std::shared_ptr<name_search> search, int family) {
    try {
        task<std::vector<endpoint>> resolving = resolve(search->where, family);
        const std::vector<endpoint> found = co_await resolving;
        search->take(found, family);
    } catch (const error&) {
        // Of one family it says nothing of the name: the other may be there, and the question for all goes on.
        if (family == AF_UNSPEC) search->refused = std::current_exception();
    } catch (const std::bad_alloc&) {
        if (family == AF_UNSPEC) search->refused = std::current_exception();
    }
    search->is_whole |= family == AF_UNSPEC;
    search->lacks_ipv6 |= family == AF_INET6 && !search->has_ipv6;
    search->tell();
}

}  // namespace

void name_search::take(const std::vector<endpoint>& found, int family) {
    std::vector<endpoint> fresh;
    for (const endpoint& each : found)
        if (std::find(addresses.begin(), addresses.end(), each) == addresses.end()) fresh.push_back(each);
    if (family == AF_UNSPEC)
        addresses = found;
    else
        addresses.insert(family == AF_INET6 ? addresses.begin() : addresses.end(), fresh.begin(),
                         fresh.end());
    for (const endpoint& each : fresh)
        (each.family() == AF_INET6 ? has_ipv6 : has_ipv4) = true;
    if (race) race->add(fresh);
}

void name_search::tell() noexcept {
    if (race && is_whole) race->end_of_addresses();
    news.notify_all();
}

task<> begin_search(std::shared_ptr<name_search> search, task_group& asking, duration resolution_delay) {
    asking.spawn(ask(search, AF_UNSPEC));
    if (!search->is_whole) co_await search->news.wait(resolution_delay);
    if (!search->is_whole) {
        asking.spawn(ask(search, AF_INET6));
        asking.spawn(ask(search, AF_INET));
    }
    while (!search->may_begin() && !search->has_ipv4)
        co_await search->news.wait();
    if (!search->may_begin()) co_await search->news.wait(resolution_delay);
    if (search->addresses.empty() && search->refused) std::rethrow_exception(search->refused);
}

}  // namespace aperto::client

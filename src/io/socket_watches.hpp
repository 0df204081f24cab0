// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

namespace aperto::io {

/// The watches of an engine's sockets, by their descriptors: a few at a time, so that a socket without one costs a bit.
class socket_watches {
public:
    /// False without the memory for it.
    bool set(int descriptor, socket_watch* by) noexcept {
        const auto known = find(descriptor);
        if (!by) {
            if (known != all_.end()) all_.erase(known);
            return true;
        }
        if (known != all_.end()) return known->second = by, true;
        try {
            all_.emplace_back(descriptor, by);
            return true;
        } catch (const std::bad_alloc&) {
            return false;
        }
    }
    bool any() const noexcept { return !all_.empty(); }
    /// Of one that has one.
    socket_watch& of(int descriptor) noexcept { return *find(descriptor)->second; }

private:
    std::vector<std::pair<int, socket_watch*>>::iterator find(int descriptor) noexcept {
        return std::find_if(all_.begin(), all_.end(),
                            [descriptor](const auto& each) { return each.first == descriptor; });
    }
    std::vector<std::pair<int, socket_watch*>> all_;
};

}  // namespace aperto::io

// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/endpoint.hpp"
#include "aperto/loop.hpp"
#include "aperto/server.hpp"
#include "io/bound_path.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace aperto {

/// Sockets of one address that listen already. There are several where workers had one each (SO_REUSEPORT), and each has
/// a queue of its own, so that each must have somebody who takes its clients.
struct open_sockets {
    endpoint where;
    std::vector<int> descriptors;
    unsigned place = 0;  ///< see place_to_open

    /// Whether worker `index` of `workers` takes clients from the socket at `at`. Each worker has one at least, and each
    /// socket one at least.
    bool is_for(unsigned index, unsigned workers, std::size_t at) const noexcept {
        const std::size_t sockets = descriptors.size();
        return sockets >= workers ? at % workers == index : index % sockets == at;
    }
    /// Of those who take from it, the first.
    static bool is_first(unsigned index, unsigned workers, std::size_t at) noexcept {
        return at % workers == index;
    }
};

/// Whose the sockets are that were handed over, and that may be handed on.
struct succession {
    /// Another server has them still (`options::handed_over`), until `server::take_over`.
    std::atomic<bool> waits = false;
    /// Another server takes clients from the same ones.
    std::atomic<bool> followed = false;
};

/// A Unix socket that the workers share, as there is no SO_REUSEPORT for those. Its name goes with it, unless it is
/// another server's.
class unix_door {
public:
    unix_door(descriptor open, const endpoint& where, unsigned place, const succession& whose,
              bool handed_over)
        : socket(std::move(open)),
          where_(where),
          place_(place),
          path_(where),
          whose_(whose),
          handed_over_(handed_over) {}
    ~unix_door() {
        if (whose_.followed || (handed_over_ && whose_.waits)) path_.leave();
    }
    unix_door(const unix_door&) = delete;
    unix_door& operator=(const unix_door&) = delete;

    const endpoint& where() const noexcept { return where_; }
    unsigned place() const noexcept { return place_; }
    descriptor socket;

private:
    endpoint where_;
    unsigned place_;
    io::bound_path path_;
    const succession& whose_;
    const bool handed_over_;
};
using unix_doors = std::vector<std::unique_ptr<unix_door>>;

/// Those that the options name, opened, or from `handed_over`. `whose` outlives them. Throws `error`.
unix_doors open_unix_doors(const options& chosen, const succession& whose);

/// An address to listen on, and which of the options' it is: 0 the first one's, then those of `options::also_listen`.
struct place_to_open {
    endpoint where;
    unsigned place = 0;
};

/// What is still to be listened on, and what listens already.
struct doors_to_be {
    std::vector<open_sockets> open;
    std::vector<place_to_open> own;  ///< each worker opens one for itself
};

/// What the options name: what was inherited, `named`, what `handed_over` has, and what is to be opened. Looks names up.
/// Throws `error`.
doors_to_be find_doors(loop& on, const options& chosen, const unix_doors& named);

/// Every socket that a server's clients come to, for who follows the server. Any thread.
class open_doors {
public:
    void add(int socket);
    /// Before it is closed.
    void remove(int socket) noexcept;
    /// A descriptor more for each, the caller's. Throws `error`.
    std::vector<int> duplicates() const;
    /// Gives each the options of this server, which another one has opened.
    void renew(const listen_options& options) const noexcept;

private:
    mutable std::mutex mutex_;
    std::vector<int> sockets_;
};

}  // namespace aperto

// SPDX-License-Identifier: MIT
#include "aperto/descriptor.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

namespace aperto {

descriptor open_beneath(int folder, const std::string& path, int flags, links symbolic) noexcept {
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    if (symbolic == links::refused) how.resolve |= RESOLVE_NO_SYMLINKS;
    return descriptor(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
}

}  // namespace aperto

// SPDX-License-Identifier: MIT
#include "io/uring_buffers.hpp"

#include "aperto/error.hpp"

#include <sys/mman.h>

#include <cassert>
#include <cerrno>

namespace aperto::io {

uring_buffers::uring_buffers(ring& owner, std::uint32_t count, std::uint32_t size)
    : owner_(owner), size_(size), with_kernel_(count, true) {
    assert(count >= 1 && count <= 32'768 && (count & (count - 1)) == 0);
    void* const memory =
        mmap(nullptr, std::size_t{count} * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw error::from_result(-errno, "map memory for", "io_uring's buffers");
    memory_ = static_cast<char*>(memory);
    if (const int result = owner_.register_buffers(group, count); result < 0) {
        munmap(memory_, std::size_t{count} * size);
        throw error::from_result(result, "register", "io_uring's buffer ring");
    }
    for (std::uint32_t id = 0; id < count; ++id)
        owner_.provide(buffer(id), size, static_cast<std::uint16_t>(id));
}

uring_buffers::~uring_buffers() {
    owner_.unregister_buffers(group);
    munmap(memory_, std::size_t{count()} * size_);
}

lent_bytes uring_buffers::lend(std::uint16_t id, std::uint32_t size) noexcept {
    if (id >= count() || size > size_ || !with_kernel_[id]) return {};
    with_kernel_[id] = false;
    ++lent_;
    return {buffer(id), size, id};
}

void uring_buffers::give_back(std::uint32_t id) noexcept {
    assert(id < count() && !with_kernel_[id]);
    with_kernel_[id] = true;
    --lent_;
    owner_.provide(buffer(id), size_, static_cast<std::uint16_t>(id));
}

}  // namespace aperto::io

// SPDX-License-Identifier: MIT
#include "failing_memory.hpp"

#include "sim/machine_work.hpp"

#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

namespace aperto::memory {
namespace {

std::atomic<std::size_t> left = 0;  ///< allocations until the one that fails; 0: none will
std::atomic<bool> failed = false;
std::atomic<std::size_t> given = 0;
thread_local bool is_spared = false;

bool fails_now() noexcept {
    if (is_spared || sim::machine_work::here()) return false;
    std::size_t before = left.load();
    while (before > 0 && !left.compare_exchange_weak(before, before - 1)) {
    }
    if (before != 1) return false;
    failed = true;
    return true;
}

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (fails_now()) return nullptr;
    void* const block = alignment == 0
                            ? std::malloc(bytes == 0 ? 1 : bytes)
                            : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (block) ++given;
    return block;
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
    if (void* const block = allocate(bytes, alignment)) return block;
    throw std::bad_alloc();
}

void give_back(void* block) noexcept {
    if (!block) return;
    --given;
    std::free(block);
}

}  // namespace

void fail_at(std::size_t which) noexcept {
    failed = false;
    left = which;
}

bool stop_failing() noexcept {
    left = 0;
    return failed;
}

std::size_t blocks() noexcept { return given; }

spared::spared() noexcept : before_(std::exchange(is_spared, true)) {}
spared::~spared() { is_spared = before_; }

}  // namespace aperto::memory

using aperto::memory::allocate;
using aperto::memory::allocate_or_throw;
using aperto::memory::give_back;

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, 0); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, 0); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 0); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t to) {
    return allocate_or_throw(bytes, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t bytes, std::align_val_t to) {
    return allocate_or_throw(bytes, static_cast<std::size_t>(to));
}
void operator delete(void* block) noexcept { give_back(block); }
void operator delete[](void* block) noexcept { give_back(block); }
void operator delete(void* block, std::size_t) noexcept { give_back(block); }
void operator delete[](void* block, std::size_t) noexcept { give_back(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { give_back(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { give_back(block); }
void operator delete(void* block, std::align_val_t) noexcept { give_back(block); }
void operator delete[](void* block, std::align_val_t) noexcept { give_back(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { give_back(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { give_back(block); }

// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/operation.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace aperto::io {

/// The sockets of a loop, by slot and generation. A slot that is freed gets a new generation, so that an
/// identity kept by somebody who comes late finds nothing. Slots stay where they are while the table grows.
/// Not thread safe.
///
/// `Slot` is default-constructed anew each time it is taken.
template <class Slot>
class slot_table {
public:
    /// Generations fit in so many bits, so that slot and generation can travel beside a few bits more in 64.
    static constexpr unsigned generation_bits = 28;

    socket_id take() {
        if (free_.empty()) grow();
        const std::uint32_t slot = free_.back();
        free_.pop_back();
        entry& taken = at(slot);
        taken.value = Slot();
        taken.in_use = true;
        ++used_;
        return {slot, taken.generation};
    }

    void release(socket_id which) noexcept {
        entry& freed = at(which.slot);
        assert(freed.in_use && freed.generation == which.generation);
        freed.in_use = false;
        freed.generation = (freed.generation + 1) & ((1U << generation_bits) - 1);
        if (freed.generation == 0) freed.generation = 1;
        --used_;
        free_.push_back(which.slot);  // has the room: grow() saw to it
    }

    /// Null where the identity is old or was never given.
    Slot* find(socket_id which) noexcept {
        if (which.slot >= chunks_.size() * chunk_size) return nullptr;
        entry& there = at(which.slot);
        return there.in_use && there.generation == which.generation ? &there.value : nullptr;
    }
    const Slot* find(socket_id which) const noexcept { return const_cast<slot_table*>(this)->find(which); }

    std::size_t used() const noexcept { return used_; }

    template <class Visit>
    void for_each(Visit&& visit) {
        for (std::uint32_t slot = 0; slot < chunks_.size() * chunk_size; ++slot)
            if (entry& each = at(slot); each.in_use) visit(socket_id{slot, each.generation}, each.value);
    }

private:
    static constexpr std::uint32_t chunk_size = 256;
    struct entry {
        Slot value;
        std::uint32_t generation = 1;
        bool in_use = false;
    };

    entry& at(std::uint32_t slot) noexcept { return chunks_[slot / chunk_size][slot % chunk_size]; }

    void grow() {
        const auto first = static_cast<std::uint32_t>(chunks_.size()) * chunk_size;
        free_.reserve(first + chunk_size);
        chunks_.push_back(std::make_unique<entry[]>(chunk_size));
        for (std::uint32_t slot = chunk_size; slot-- > 0;)
            free_.push_back(first + slot);
    }

    std::vector<std::unique_ptr<entry[]>> chunks_;
    std::vector<std::uint32_t> free_;
    std::size_t used_ = 0;
};

}  // namespace aperto::io

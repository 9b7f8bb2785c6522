// Work shared over items (series, batch rows) by as many threads as the caller allows.
// Every item is computed by one thread alone and writes only its own part of the result, so that the count changes nothing.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "team.hpp"

namespace inorder {

// torch: for work that comes between its products, by its threads where they can be had (`team.hpp`); `threads` is then 1 or as many as torch
// uses, since OpenMP ends and starts threads whenever a team has another size.
enum class Team { own, torch };

template <typename Work>
void for_each(std::int64_t count, std::int64_t threads, Team team, Work work) {
    std::atomic<std::int64_t> next{0};
    std::exception_ptr failure;
    std::mutex guard;
    auto labour = [&] {
        try {
            for (std::int64_t i = next++; i < count; i = next++) work(i);
        } catch (...) {
            const std::lock_guard<std::mutex> hold(guard);
            if (!failure) failure = std::current_exception();
            next = count;
        }
    };
    const std::int64_t helpers = std::min(threads, count) - 1;
    if (helpers < 1 || team == Team::own || !by_openmp(threads, labour)) {
        std::vector<std::thread> started;
        for (std::int64_t i = 0; i < helpers; ++i) {
            try {
                started.emplace_back(labour);
            } catch (const std::exception&) {  // no more threads to be had: those that run share the work
                break;
            }
        }
        labour();
        for (auto& member : started) member.join();
    }
    if (failure) std::rethrow_exception(failure);
}

template <typename Work>
void for_each(std::int64_t count, std::int64_t threads, Work work) {
    for_each(count, threads, Team::own, work);
}

}  // namespace inorder

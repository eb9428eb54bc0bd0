// One function a command, each in a file of its own name.
#pragma once

#include <vector>

#include "engine/core.h"

namespace quern::engine {

void submit(Core& core, Ticket ticket, Submit&& command);            // submit.cpp
void lease(Core& core, Ticket ticket, Lease&& command);              // lease.cpp
void take_back_undelivered(Core& core, const Undelivered& command);  // lease.cpp
void serve_waiters(Core& core);                                      // lease.cpp
void answer_parked(Core& core, Ticket ticket);  // lease.cpp: with what there is
// lease.cpp: its time is over. False: not yet, since the look for tasks was cut short.
bool end_wait(Core& core, Ticket ticket);
void settle_one(Core& core, Ticket ticket, SettleOne&& command);  // settle.cpp
std::vector<Settled> settle_all(Core& core, std::vector<SettleItem>&& items,
                                const Scope& scope);                       // settle.cpp
void wait_task(Core& core, Ticket ticket, const WaitTask& command);        // task_commands.cpp
void cancel_task(Core& core, Ticket ticket, const CancelTask& command);    // task_commands.cpp
void redrive_task(Core& core, Ticket ticket, const RedriveTask& command);  // task_commands.cpp
void put_queue(Core& core, Ticket ticket, const PutQueue& command);        // queue_commands.cpp
void patch_queue(Core& core, Ticket ticket, const PatchQueue& command);    // queue_commands.cpp
void pause_queue(Core& core, Ticket ticket, const PauseQueue& command);    // queue_commands.cpp
void get_queue(Core& core, Ticket ticket, const GetQueue& command);        // show_queues.cpp
void list_queues(Core& core, Ticket ticket, const ListQueues& command);    // show_queues.cpp
// show_queues.cpp: answers with the queue as it is.
void show_queue(Core& core, Ticket ticket, const std::string& name);
void delete_queue(Core& core, Ticket ticket, const DeleteQueue& command);  // remove_queue.cpp
void purge_queue(Core& core, Ticket ticket, PurgeQueue&& command);         // remove_queue.cpp
void redrive_dead(Core& core, Ticket ticket, RedriveDead&& command);       // dead_letters.cpp
void discard_dead(Core& core, Ticket ticket, DiscardDead&& command);       // dead_letters.cpp
void drain(Core& core, Ticket ticket, const Drain& command);               // drain.cpp
void end_drain(Core& core, Ticket ticket);                                 // drain.cpp
// drain.cpp: answers those who wait for a drain's end if it has come.
void serve_drains(Core& core);

// The task, unless it lies in a queue outside of `scope`: to the caller it is not there.
std::optional<Task> find_in_scope(Core& core, const TaskId& id, const Scope& scope);
Error no_such_task(std::string_view id);
Error no_such_queue(std::string_view name);

}  // namespace quern::engine

// Every endpoint, by section of the contract. One file each.
#pragma once

#include "http/endpoint.h"

namespace quern::http {

// submit.cpp
extern const Endpoint submit_task;
extern const Endpoint submit_batch;

// tasks.cpp
extern const Endpoint get_task;
extern const Endpoint list_tasks;
extern const Endpoint cancel_task;
extern const Endpoint redrive_task;

// leases.cpp
extern const Endpoint lease_tasks;
extern const Endpoint settle_tasks;
extern const Endpoint complete_task;
extern const Endpoint fail_task;
extern const Endpoint heartbeat_task;
extern const Endpoint release_task;

// queues.cpp
extern const Endpoint put_queue;
extern const Endpoint patch_queue;
extern const Endpoint get_queue;
extern const Endpoint list_queues;
extern const Endpoint delete_queue;
extern const Endpoint pause_queue;
extern const Endpoint resume_queue;
extern const Endpoint purge_queue;

// dead.cpp
extern const Endpoint list_dead;
extern const Endpoint redrive_dead;
extern const Endpoint discard_dead;

// admin.cpp
extern const Endpoint start_drain;
extern const Endpoint end_drain;
extern const Endpoint create_backup;
extern const Endpoint list_backups;
extern const Endpoint verify_backup;

// doctor.cpp
extern const Endpoint get_doctor;

// health.cpp
extern const Endpoint get_healthz;
extern const Endpoint get_readyz;
extern const Endpoint get_info;

// metrics.cpp
extern const Endpoint get_metrics;

}  // namespace quern::http

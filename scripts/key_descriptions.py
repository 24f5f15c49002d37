"""What each key of a stack means, as Pulumi.yaml and `pulumi config` show it."""

DESCRIPTIONS = {
    "tier": (
        "prod protects what holds data, spreads over zones, fails over and survives the loss of "
        "a zone; dev is cheap and destroyable at once."
    ),
    "compute": "What runs the container: fargate or ec2 (an Auto Scaling group of instances).",
    "architecture": "The image's and the machines' processor: arm64 (Graviton) or x86_64.",
    "image": (
        "URI of the service's image, with its digest (…@sha256:…). Empty: `pulumi up` builds "
        "the project's image with Docker and pushes it."
    ),
    "peak_in_flight": "Requests open at once at the peak.",
    "base_in_flight": (
        "Requests open at once at the quietest time; sizes the fleet's minimum. 0 takes a tenth of "
        "peak_in_flight."
    ),
    "latency_ms": "Mean time of a request, in milliseconds.",
    "utilisation_percent": (
        "Share of a task's capacity in use at the peak, in percent: the target of scaling by "
        "CPU and by requests; the rest is headroom."
    ),
    "request_timeout_s": (
        "Deadline of a request, in seconds (4 to 45); the other timeouts are derived from it."
    ),
    "upstream_percent": (
        "Share of the requests, in percent, that wait for the upstream API at the same time "
        "because no cache had the answer."
    ),
    "task_cpu": (
        "CPU units of a Fargate task (1024 are one vCPU): 256, 512, 1024, 2048, 4096, 8192 or "
        "16384."
    ),
    "task_memory_mib": "Memory of a Fargate task, in MiB, as Fargate pairs it with task_cpu.",
    "task_requests_per_second": (
        "Requests a second that one task sustains; 0 takes what the load test wrote to "
        "capacity.json, or else 3000 for each vCPU, assumed."
    ),
    "task_in_flight": (
        "Requests that one task holds open; 0 takes what the load test wrote to capacity.json, "
        "or else 4000 for each vCPU, assumed."
    ),
    "spot_percent": (
        "Share of the fleet on Spot capacity, in percent; Spot is cheaper and may be taken away "
        "with two minutes' notice."
    ),
    "rollout": (
        "How a version replaces the one before: rolling (task by task), or on fargate canary (a "
        "tenth of the requests for 10 minutes, then all; 10 more until the old tasks go)."
    ),
    "instance_types": (
        "EC2 only: instance types of one size and of the image's architecture, the preferred "
        "one first."
    ),
    "ami_id": (
        "EC2 only: the AMI, Amazon Linux 2023 or your own with cloud-init, the AWS CLI and Python. "
        "Empty: the Amazon Linux 2023 that was the newest at the first deployment."
    ),
    "bake_ami": (
        "EC2 only: bake an AMI with runtime and image by EC2 Image Builder for each new image, and "
        "launch that."
    ),
    "exec": (
        "Fargate only: running tasks take a shell by ECS Exec, and what is typed and shown goes to "
        "a log. Instances have Session Manager without it."
    ),
    "warm_pool": "EC2 only: stopped instances that wait, initialised, for the next scale-out.",
    "fleet_min": "Fewest tasks; 0 for the derived number, a smaller one is refused.",
    "fleet_max": "Most tasks; 0 for the derived number, a smaller one is refused.",
    "scaling_policies": (
        "What the fleet follows: cpu, requests (per target), network, step, and on ec2 in_flight "
        "(each ten seconds). Beside another policy, step only scales out."
    ),
    "requests_target": (
        "Requests per target and minute that the fleet is kept at; 0 for the derived number."
    ),
    "network_target_mbps": (
        "Megabits a second sent by each task that the policy network keeps the fleet at."
    ),
    "step_out_requests": (
        "Policy step: requests per target, over one minute, from which tasks are added; 0 for "
        "the derived number."
    ),
    "step_in_requests": (
        "Policy step: requests per target and minute, over five minutes, at which or below "
        "tasks are removed; 0 for the derived number."
    ),
    "step_out_tasks": "Policy step: tasks added at once.",
    "step_in_tasks": "Policy step: tasks removed at once.",
    "cooldown_s": "Pause after a change of the fleet's size, in seconds.",
    "predictive_scaling": (
        "Policy that learns the CPU's course over two weeks: off, forecast (shows what it would "
        "do, and does nothing) or on (adds tasks ahead of the load; removes none)."
    ),
    "schedules": (
        "The fleet's bounds from a moment on, in UTC, as \"minute hour day month weekday = "
        'min..max", for example "0 7 * * MON-FRI = 60..330".'
    ),
    "zones": "Availability zones: 3, or 2 where a region has no more.",
    "vpc_cidr": "The VPC's private range, /16 to /19.",
    "vpc_id": (
        "A VPC that exists, instead of one that the program makes with gateways and endpoints. It "
        "needs private_subnet_ids, and public_subnet_ids unless internal."
    ),
    "public_subnet_ids": (
        "The load balancer's subnets in vpc_id, one in each zone, with a route to an internet "
        "gateway."
    ),
    "private_subnet_ids": (
        "Subnets of tasks, database and cache in vpc_id, one in each zone, with a default route "
        "such as to a NAT gateway."
    ),
    "nat": (
        "Tasks reach the internet by NAT gateways. false, for tier dev on fargate: by public "
        "addresses of their own in the public subnets, which admit the load balancer alone."
    ),
    "alb_target_quota": (
        "The account's quota of targets per load balancer; AWS raises it on request."
    ),
    "alb_lcu": "Load balancer capacity units reserved ahead of a peak; 0 for none.",
    "domain": (
        "Host name of the service, such as api.example.com; empty for plain HTTP on the load "
        "balancer's own name."
    ),
    "zone": (
        "Route 53 zone that holds the domain and validates its certificate; empty for the "
        "domain's parent (api.example.com is in example.com)."
    ),
    "take_over_domain": (
        "Point the domain's record to this stack although the zone has one that leads elsewhere; "
        "false refuses that."
    ),
    "certificate_arn": (
        "An ACM certificate that exists, instead of one validated in the zone; the name is then "
        "only put into a zone that is set."
    ),
    "allow_http": "Accept that production has no domain and serves plain HTTP.",
    "allow_from": (
        "Ranges of addresses that reach the load balancer, such as 203.0.113.0/24; 0.0.0.0/0 is "
        "the whole internet."
    ),
    "internal": (
        "Put the load balancer into the private subnets, without public addresses: reached from "
        "inside the network alone. To be set before the first deployment: a change is refused, "
        "because it makes another load balancer."
    ),
    "waf": (
        "Put AWS WAF before the load balancer. Off: it asks 0.60 USD for a million requests, more "
        "than all else at a steady load, and the service bounds sizes, framing and rates itself."
    ),
    "waf_rate_limit": "Requests of one address in five minutes from which WAF blocks it.",
    "database_class": "RDS instance class; its memory bounds the connections.",
    "running_database_class": (
        "The class that runs until RDS has changed it in the maintenance window: pools and alarms "
        "fit the smaller one of it and database_class. Unset it after the window."
    ),
    "database_version": "PostgreSQL version: a major one takes the newest minor.",
    "database_storage_gb": "Storage of the database, in GB.",
    "database_storage_max_gb": "What the storage may grow to by itself, in GB.",
    "database_replicas": "Read replicas; the service reads from them through a URL of their own.",
    "database_proxy": (
        "Put RDS Proxy before the database. asyncpg's prepared statements pin its connections, "
        "so it helps failover, not pool sizes."
    ),
    "backup_days": "Days that backups are kept; 0 for none.",
    "cache_class": "ElastiCache node type.",
    "cache_replicas": "Replicas of the cache that it can fail over to.",
    "cache_password": "Password of the cache, set with --secret; empty to have one made.",
    "upstream_url": (
        "Base URL of the API behind /data/{id}; credentials belong into secrets. Empty: /data "
        "answers 503."
    ),
    "environment": "More variables of the service, as NAME=value.",
    "secrets": (
        "More variables of the service whose values are secrets, as NAME=ARN of Secrets Manager "
        "or of an SSM parameter."
    ),
    "secrets_key_arn": (
        "ARN of a key of your own that encrypts what secrets and otlp_headers name; empty for AWS's"
        " own keys."
    ),
    "github_repository": (
        "The project's repository on GitHub, as owner/name, or with the ids that GitHub names newer"
        " ones by, as owner@123456/name@456789: `make bootstrap` gives its workflows roles; empty"
        " for none."
    ),
    "availability_objective": (
        "Share of the answers that must not be errors, in percent, 95 to 99.999; what it leaves "
        "is the error budget whose burn rate pages."
    ),
    "latency_objective_ms": (
        "What 99 of 100 answers take at most, in milliseconds; 0 for half of a request's deadline."
    ),
    "alarm_email": "Email address for alarms that page; empty for none.",
    "ticket_email": "Email address for alarms that are tickets; empty for the same as alarm_email.",
    "slack_workspace_id": (
        "Id of the Slack workspace of slack_channel_id; Amazon Q Developer in chat applications "
        "must have been allowed into it once, in AWS's console."
    ),
    "slack_channel_id": "Id of the Slack channel that all alarms go to as well; empty for none.",
    "trace_percent": (
        "Share of the requests that are traced, in percent, where no caller has decided."
    ),
    "otlp_endpoint": (
        "Where metrics and traces go instead of CloudWatch and X-Ray, by OTLP over HTTPS: "
        "Datadog, New Relic, Grafana; the service's own alarms are then to be made there."
    ),
    "otlp_headers": (
        'ARN of a secret with the headers that otlp_endpoint needs, as JSON such as {"api-key": '
        '"..."}; empty for none.'
    ),
    "runbooks_url": (
        "Where infra/runbooks is read, without a slash at its end, for the links in alarms; "
        "empty for the path in the repository."
    ),
    "log_days": "Days that logs are kept.",
}

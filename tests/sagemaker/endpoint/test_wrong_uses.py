"""Wrong uses of endpoints, each with the whole of what its user is told."""

from collections.abc import Callable, Mapping, Sequence

import pytest
from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

import zflow_constructs as zflow
from tests.parts import OWN_IMAGE, bucket, data, model, network, stack
from zflow_constructs.core.values.templates import Template

MINUTE = Duration.minutes(1)
MORNING = applicationautoscaling.Schedule.cron(hour="7", minute="0")
REQUESTS = zflow.ScalingTarget.invocations_per_instance(750)
SCALES = zflow.AutoScaling(min_capacity=1, max_capacity=4, targets=[REQUESTS])
SMOKE_TEST = zflow.SmokeTest.from_text("1", content_type="text/csv")
TENTH = zflow.Capacity.percent(10)


def own(scope: Stack) -> zflow.ModelContainer:
    return zflow.ModelContainer(
        image=OWN_IMAGE, model_data=zflow.ModelData.from_bucket(bucket(scope, "Models"), "m.tar.gz")
    )


def there(scope: Stack) -> zflow.Model:
    role = iam.Role.from_role_name(scope, "ScoringRole", "scoring")
    return zflow.Model.from_name("scoring-2026", role=role)


def queue(scope: Stack) -> zflow.AsyncInference:
    return zflow.AsyncInference(data(scope))


def named(scope: Stack, *names: str) -> list[zflow.EndpointVariant]:
    return [zflow.EndpointVariant(name, containers=[own(scope)]) for name in names]


def serve(
    scope: Stack,
    *,
    containers: Sequence[zflow.ModelContainer] | None = None,
    model: zflow.Model | None = None,
    variants: Sequence[zflow.EndpointVariant] = (),
    shadow_variants: Sequence[zflow.EndpointVariant] = (),
    endpoint_name: str = "scores",
    serverless: zflow.Serverless | None = None,
    asynchronous: zflow.AsyncInference | None = None,
    deployment: zflow.Deployment | None = None,
    rollback: zflow.Rollback | None = None,
    smoke_test: zflow.SmokeTest | None = None,
    data_capture: zflow.DataCapture | None = None,
    keep_previous: int = 3,
    instance_type: ec2.InstanceType | None = None,
    instance_count: int = 1,
    autoscaling: zflow.AutoScaling | None = None,
    timeout: Duration | None = None,
    vpc: ec2.IVpc | None = None,
    network_isolation: bool = False,
    request_overrides: Mapping[str, Template] | None = None,
) -> zflow.InferencePipelineEndpoint:
    """A valid endpoint of one container, unless something else is said."""
    alone = containers is None and model is None and not variants
    return zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        containers=[own(scope)] if alone else containers or (),
        model=model,
        variants=variants,
        shadow_variants=shadow_variants,
        endpoint_name=endpoint_name,
        serverless=serverless,
        asynchronous=asynchronous,
        deployment=deployment,
        rollback=rollback,
        smoke_test=smoke_test,
        data_capture=data_capture,
        keep_previous=keep_previous,
        instance_type=instance_type,
        instance_count=instance_count,
        autoscaling=autoscaling,
        timeout=timeout,
        vpc=vpc,
        network_isolation=network_isolation,
        request_overrides=request_overrides,
    )


NAMED = (
    'Give lower case letters, digits and single "-" between them, 63 at most (SageMaker\'s ARNs are in lower case, '
    "whatever the name)."
)
PAGE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API"
LATELY = "(update boto3 if AWS added it lately)."
Case = tuple[Callable[[Stack], object], str]

NAMES: Mapping[str, Case] = {
    "two dashes, which would be another endpoint's name without one": (
        lambda scope: serve(scope, endpoint_name="risk--scoring"),
        f'Step "Endpoint": endpoint_name is "risk--scoring". {NAMED}',
    ),
    "a name that is too long": (
        lambda scope: serve(scope, endpoint_name="a" * 64),
        f'Step "Endpoint": endpoint_name is "{"a" * 64}". {NAMED}',
    ),
    "a name of dashes that is too long": (
        lambda scope: serve(scope, endpoint_name="a-" * 32 + "a"),
        f'Step "Endpoint": endpoint_name is "{"a-" * 32}a". {NAMED}',
    ),
    "a name that no endpoint to be deleted has": (
        lambda scope: zflow.DeleteEndpointStep(scope, "Delete", endpoint_name="Risk scoring"),
        f'Step "Delete": endpoint_name is "Risk scoring". {NAMED}',
    ),
    "a variant's name that is too long": (
        lambda scope: serve(scope, variants=named(scope, "a-b-c-d-e-f-g-h-i-j-k")),
        (
            'Step "Endpoint": a variant is named "a-b-c-d-e-f-g-h-i-j-k". Give letters, digits and single "-" between '
            "them, 20 at most. Rename it."
        ),
    ),
    "a variant's name with an underscore": (
        lambda scope: serve(scope, variants=named(scope, "the_champion")),
        (
            'Step "Endpoint": a variant is named "the_champion". Give letters, digits and single "-" between '
            "them, 20 at most. Rename it."
        ),
    ),
    "two variants of one name": (
        lambda scope: serve(scope, variants=named(scope, "A", "B", "A")),
        'Step "Endpoint": two variants are named "A". Rename one.',
    ),
    "a shadow of a variant's name": (
        lambda scope: serve(scope, shadow_variants=named(scope, "AllTraffic")),
        'Step "Endpoint": two variants are named "AllTraffic". Rename one.',
    ),
}

WHAT_SERVES: Mapping[str, Case] = {
    "nothing": (
        lambda scope: serve(scope, containers=[]),
        (
            'Step "Endpoint": nothing serves. Give containers=[...], model=... for one that is there already, or '
            "variants=[...]."
        ),
    ),
    "variants and containers": (
        lambda scope: serve(scope, containers=[own(scope)], variants=named(scope, "A")),
        (
            'Step "Endpoint": there are variants, and containers, model, instance_type, instance_count, serverless '
            "or autoscaling beside them. Say these of each variant: EndpointVariant(name, containers=[...], ...)."
        ),
    ),
    "containers and a model": (
        lambda scope: serve(scope, containers=[own(scope)], model=there(scope)),
        (
            'Step "Endpoint", variant "AllTraffic": it has both containers and a model. Give one: containers=[...] for '
            "a model of this run, or model=... for one that is there."
        ),
    ),
    "a variant of nothing": (
        lambda scope: serve(scope, variants=[zflow.EndpointVariant("A")]),
        (
            'Step "Endpoint", variant "A": it has neither containers nor a model. Give one: containers=[...] for '
            "a model of this run, or model=... for one that is there."
        ),
    ),
    "a network for a model that is there": (
        lambda scope: serve(scope, model=there(scope), vpc=network(scope)),
        (
            'Step "Endpoint": role, vpc and network_isolation are those of a model that is made here, and all of its '
            "models are there already. Remove them."
        ),
    ),
    "code in isolation": (
        lambda scope: serve(scope, containers=[model(scope)], network_isolation=True),
        (
            'Step "Endpoint": container 1 can\'t fetch its code from S3 with network_isolation. Put the script into an '
            "image of your own or into the model's archive, or serve in a vpc."
        ),
    ),
    "a negative weight": (
        lambda scope: serve(scope, variants=[zflow.EndpointVariant("A", containers=[own(scope)], weight=-1)]),
        'Step "Endpoint", variant "A": weight is -1. Give 0 or more.',
    ),
    "no weight at all": (
        lambda scope: serve(scope, variants=[zflow.EndpointVariant("A", containers=[own(scope)], weight=0)]),
        ('Step "Endpoint": no variant has a weight, so none would get a request. Give one of them a weight above 0.'),
    ),
    "more variants than an endpoint has": (
        lambda scope: serve(scope, variants=named(scope, *(f"V{number}" for number in range(11)))),
        'Step "Endpoint": there are 11 variants. An endpoint has 10 at most.',
    ),
    "a shadow of two variants": (
        lambda scope: serve(scope, variants=named(scope, "A", "B"), shadow_variants=named(scope, "Dark")),
        (
            'Step "Endpoint": there are 2 variants and 1 shadow variants. A shadow variant stands beside a single '
            "variant, and is the only one."
        ),
    ),
    "two shadows": (
        lambda scope: serve(scope, shadow_variants=named(scope, "Dark", "Darker")),
        (
            'Step "Endpoint": there are 1 variants and 2 shadow variants. A shadow variant stands beside a single '
            "variant, and is the only one."
        ),
    ),
    "a shadow that scales": (
        lambda scope: serve(
            scope,
            shadow_variants=[zflow.EndpointVariant("Dark", containers=[own(scope)], autoscaling=SCALES)],
        ),
        (
            'Step "Endpoint": the shadow variant "Dark" has autoscaling, and only the others scale. Remove it, and '
            "give instance_count."
        ),
    ),
    "a time to load that is too short": (
        lambda scope: serve(
            scope,
            variants=[zflow.EndpointVariant("A", containers=[own(scope)], model_download_timeout=Duration.seconds(30))],
        ),
        (
            'Step "Endpoint", variant "A": model_download_timeout is 30 seconds. Give 60 to 3600 seconds '
            "(Duration.hours(...))."
        ),
    ),
    "a time to start that is too long": (
        lambda scope: serve(
            scope,
            variants=[zflow.EndpointVariant("A", containers=[own(scope)], container_startup_timeout=Duration.hours(2))],
        ),
        (
            'Step "Endpoint", variant "A": container_startup_timeout is 7200 seconds. Give 60 to 3600 seconds '
            "(Duration.hours(...))."
        ),
    ),
    "a field of a variant that is no number": (
        lambda scope: serve(
            scope,
            variants=[zflow.EndpointVariant("A", containers=[own(scope)], overrides={"VolumeSizeInGB": "50"})],
        ),
        (
            'Step "Endpoint": CreateEndpointConfig would refuse this request.\n'
            '  ProductionVariants[0].VolumeSizeInGB: received "50", but it must be a whole number.\n'
            f"Put it right, or see {PAGE}_CreateEndpointConfig.html {LATELY}"
        ),
    ),
    "more configurations than SageMaker lists": (
        lambda scope: serve(scope, keep_previous=100),
        'Step "Endpoint": keep_previous is 100. Give 0 to 99.',
    ),
    "fewer configurations than none": (
        lambda scope: serve(scope, keep_previous=-1),
        'Step "Endpoint": keep_previous is -1. Give 0 to 99.',
    ),
    "a time that is too short": (
        lambda scope: serve(scope, timeout=Duration.seconds(30)),
        'Step "Endpoint": timeout is 30 seconds. Give 60 to 86400 seconds (Duration.hours(...)).',
    ),
    "a deletion that may take a day": (
        lambda scope: zflow.DeleteEndpointStep(scope, "Delete", endpoint_name="scores", timeout=Duration.hours(24)),
        'Step "Delete": timeout is 86400 seconds. Give 60 to 14400 seconds (Duration.hours(...)).',
    ),
}

SERVERLESS: Mapping[str, Case] = {
    "a size that there isn't": (
        lambda _: zflow.Serverless(memory=Size.gibibytes(7)),
        "Serverless: memory is 7168 MiB. Give 1, 2, 3, 4, 5 or 6 GiB.",
    ),
    "no concurrency": (
        lambda _: zflow.Serverless(max_concurrency=0),
        "Serverless: max_concurrency is 0. Give 1 to 200.",
    ),
    "more that is warm than there may be": (
        lambda _: zflow.Serverless(max_concurrency=5, provisioned_concurrency=6),
        "Serverless: provisioned_concurrency is 6, and max_concurrency 5. Give no more than that.",
    ),
    "machines": (
        lambda scope: serve(scope, serverless=zflow.Serverless(), instance_type=ec2.InstanceType("m5.large")),
        ('Step "Endpoint", variant "AllTraffic": serverless has no machines. Remove instance_type and instance_count.'),
    ),
    "scaling of nothing": (
        lambda scope: serve(scope, serverless=zflow.Serverless(), autoscaling=SCALES),
        (
            'Step "Endpoint", variant "AllTraffic": of serverless variants only the provisioned concurrency is scaled, '
            "and it has none. Give Serverless(provisioned_concurrency=...), or remove autoscaling."
        ),
    ),
    "scaling beyond what there may be": (
        lambda scope: serve(
            scope,
            serverless=zflow.Serverless(max_concurrency=5, provisioned_concurrency=1),
            autoscaling=zflow.AutoScaling(
                min_capacity=1,
                max_capacity=6,
                targets=[zflow.ScalingTarget.provisioned_concurrency_utilization(70)],
            ),
        ),
        (
            'Step "Endpoint": variant "AllTraffic" scales its provisioned concurrency up to 6, and its max_concurrency '
            "is 5. Give no more than that."
        ),
    ),
    "scaling by machines": (
        lambda scope: serve(
            scope, serverless=zflow.Serverless(max_concurrency=5, provisioned_concurrency=1), autoscaling=SCALES
        ),
        (
            'Step "Endpoint": variant "AllTraffic" scales by what it doesn\'t have. Serverless variants scale by '
            "ScalingTarget.provisioned_concurrency_utilization(...) alone, and the others by anything else."
        ),
    ),
    "another variant": (
        lambda scope: serve(
            scope,
            variants=[
                *named(scope, "A"),
                zflow.EndpointVariant("B", containers=[own(scope)], serverless=zflow.Serverless()),
            ],
        ),
        (
            'Step "Endpoint": a serverless endpoint has one variant alone. Put the others on machines, or into '
            "endpoints of their own."
        ),
    ),
    "captured data": (
        lambda scope: serve(scope, serverless=zflow.Serverless(), data_capture=zflow.DataCapture()),
        'Step "Endpoint": a serverless endpoint has no data_capture. Remove it, or serve on machines.',
    ),
    "a network": (
        lambda scope: serve(scope, serverless=zflow.Serverless(), vpc=network(scope)),
        'Step "Endpoint": a serverless endpoint has no vpc. Remove it, or serve on machines.',
    ),
    "isolation": (
        lambda scope: serve(scope, serverless=zflow.Serverless(), network_isolation=True),
        'Step "Endpoint": a serverless endpoint has no network_isolation. Remove it, or serve on machines.',
    ),
    "a pipeline": (
        lambda scope: serve(scope, serverless=zflow.Serverless(), containers=[own(scope), own(scope)]),
        (
            'Step "Endpoint": a serverless endpoint has one container, and this one has 2. Serve the pipeline on '
            "machines, or put it into one container."
        ),
    ),
    "a rolling deployment": (
        lambda scope: serve(
            scope, serverless=zflow.Serverless(), deployment=zflow.Deployment.rolling(TENTH, wait_interval=MINUTE)
        ),
        (
            'Step "Endpoint": Deployment.rolling is for one variant on machines. Use all_at_once, canary or linear for '
            "several variants and for serverless ones."
        ),
    ),
}

ASYNCHRONOUS: Mapping[str, Case] = {
    "several variants": (
        lambda scope: serve(scope, variants=named(scope, "A", "B"), asynchronous=queue(scope)),
        'Step "Endpoint": an asynchronous endpoint has one variant alone. Put the others into endpoints of their own.',
    ),
    "a shadow": (
        lambda scope: serve(scope, shadow_variants=named(scope, "Dark"), asynchronous=queue(scope)),
        'Step "Endpoint": an asynchronous endpoint has one variant alone. Put the others into endpoints of their own.',
    ),
    "no machines": (
        lambda scope: serve(scope, serverless=zflow.Serverless(), asynchronous=queue(scope)),
        'Step "Endpoint": an asynchronous endpoint serves on machines. Remove serverless, or asynchronous.',
    ),
    "a smoke test": (
        lambda scope: serve(scope, asynchronous=queue(scope), smoke_test=SMOKE_TEST),
        (
            'Step "Endpoint": an asynchronous endpoint answers into S3, some time later, and takes no smoke_test. '
            "Remove it, and test with a step that comes after it."
        ),
    ),
}

SCALING: Mapping[str, Case] = {
    "bounds the wrong way round": (
        lambda _: zflow.AutoScaling(min_capacity=4, max_capacity=2, targets=[REQUESTS]),
        (
            "AutoScaling: min_capacity is 4 and max_capacity 2. Give a least number from 0 and a greatest that is no "
            "smaller, at least 1."
        ),
    ),
    "nothing at most": (
        lambda _: zflow.AutoScaling(min_capacity=0, max_capacity=0, targets=[REQUESTS]),
        (
            "AutoScaling: min_capacity is 0 and max_capacity 0. Give a least number from 0 and a greatest that is no "
            "smaller, at least 1."
        ),
    ),
    "no reason to scale": (
        lambda _: zflow.AutoScaling(min_capacity=1, max_capacity=2),
        (
            "AutoScaling: it has neither targets nor scheduled, so nothing would ever scale. Give "
            "targets=[ScalingTarget.invocations_per_instance(...)], or remove it."
        ),
    ),
    "a target twice": (
        lambda _: zflow.AutoScaling(min_capacity=1, max_capacity=2, targets=[REQUESTS, REQUESTS]),
        'AutoScaling: targets has "invocations" twice. Give each once.',
    ),
    "a schedule twice": (
        lambda _: zflow.AutoScaling(
            min_capacity=1,
            max_capacity=2,
            scheduled=[zflow.ScheduledCapacity("morning", MORNING, min_capacity=1, max_capacity=2)] * 2,
        ),
        'AutoScaling: scheduled has "morning" twice. Give each once.',
    ),
    "a schedule's bounds the wrong way round": (
        lambda _: zflow.ScheduledCapacity("morning", MORNING, min_capacity=4, max_capacity=2),
        (
            'ScheduledCapacity "morning": min_capacity is 4 and max_capacity 2. Give a least number from 0 and a '
            "greatest that is no smaller."
        ),
    ),
    "a target of nothing": (
        lambda _: zflow.ScalingTarget.invocations_per_instance(0),
        "ScalingTarget: invocations is to be kept near 0. Give more than 0.",
    ),
    "more machines than it scales to": (
        lambda scope: serve(scope, autoscaling=SCALES, instance_count=5),
        (
            'Step "Endpoint", variant "AllTraffic": instance_count is 5, and autoscaling keeps it from 1 to 4. Give a '
            "number between them."
        ),
    ),
    "no machine for who answers at once": (
        lambda scope: serve(scope, autoscaling=zflow.AutoScaling(min_capacity=0, max_capacity=2, targets=[REQUESTS])),
        (
            'Step "Endpoint": variant "AllTraffic" scales down to no machine, which asynchronous endpoints alone do. '
            "Give min_capacity=1, or serve with serverless or asynchronous."
        ),
    ),
    "no machine at night": (
        lambda scope: serve(
            scope,
            autoscaling=zflow.AutoScaling(
                min_capacity=1,
                max_capacity=2,
                scheduled=[zflow.ScheduledCapacity("night", MORNING, min_capacity=0, max_capacity=0)],
            ),
        ),
        (
            'Step "Endpoint": variant "AllTraffic" scales down to no machine, which asynchronous endpoints alone do. '
            "Give min_capacity=1, or serve with serverless or asynchronous."
        ),
    ),
    "a backlog that there isn't": (
        lambda scope: serve(
            scope,
            autoscaling=zflow.AutoScaling(
                min_capacity=1, max_capacity=2, targets=[zflow.ScalingTarget.backlog_per_instance(5)]
            ),
        ),
        (
            'Step "Endpoint": variant "AllTraffic" scales by its backlog, which asynchronous endpoints alone have. '
            "Scale by ScalingTarget.invocations_per_instance(...)."
        ),
    ),
    "provisioned concurrency of machines": (
        lambda scope: serve(
            scope,
            autoscaling=zflow.AutoScaling(
                min_capacity=1, max_capacity=2, targets=[zflow.ScalingTarget.provisioned_concurrency_utilization(70)]
            ),
        ),
        (
            'Step "Endpoint": variant "AllTraffic" scales by what it doesn\'t have. Serverless variants scale by '
            "ScalingTarget.provisioned_concurrency_utilization(...) alone, and the others by anything else."
        ),
    ),
    "a name that Application Auto Scaling refuses": (
        lambda scope: serve(
            scope,
            autoscaling=zflow.AutoScaling(
                min_capacity=1,
                max_capacity=2,
                scheduled=[zflow.ScheduledCapacity("in the|morning", MORNING, min_capacity=1, max_capacity=2)],
            ),
        ),
        (
            'Step "Endpoint": PutScheduledAction would refuse this request.\n'
            '  ScheduledActionName: received "scores-AllTraffic-in the|morning", but it must match the pattern '
            r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+"
            "\n"
            "Put it right, or see https://docs.aws.amazon.com/goto/WebAPI/application-autoscaling-2016-02-06/"
            f"PutScheduledAction {LATELY}"
        ),
    ),
}


def too_long(kind: str, least: int, make: Callable[[], zflow.Deployment]) -> Case:
    """A deployment that may take no longer than ten minutes, and waits longer than that."""
    return (
        lambda _: make(),
        (
            f"Deployment.{kind}: max_duration is 600 seconds, and its waits alone take {least}. Give more, or shorter "
            "waits."
        ),
    )


DEPLOYMENTS: Mapping[str, Case] = {
    "too large a canary": (
        lambda _: zflow.Deployment.canary(zflow.Capacity.percent(60), wait_interval=MINUTE),
        "Deployment.canary: it moves 60 % at a time. Give 1 to 50 %.",
    ),
    "too small a step": (
        lambda _: zflow.Deployment.linear(zflow.Capacity.percent(5), wait_interval=MINUTE),
        "Deployment.linear: it moves 5 % at a time. Give 10 to 50 %.",
    ),
    "too small a batch": (
        lambda _: zflow.Deployment.rolling(zflow.Capacity.percent(1), wait_interval=MINUTE),
        "Deployment.rolling: it moves 1 % at a time. Give 5 to 50 %.",
    ),
    "no machine": (
        lambda scope: serve(
            scope, deployment=zflow.Deployment.canary(zflow.Capacity.instances(0), wait_interval=MINUTE)
        ),
        (
            'Step "Endpoint": UpdateEndpoint would refuse this request.\n'
            "  DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.CanarySize.Value: received 0, but it "
            "must be at least 1.\n"
            f"Put it right, or see {PAGE}_UpdateEndpoint.html {LATELY}"
        ),
    ),
    "a wait of two hours": (
        lambda scope: serve(
            scope,
            deployment=zflow.Deployment.all_at_once(termination_wait=Duration.hours(2)),
            timeout=Duration.hours(4),
        ),
        (
            'Step "Endpoint": UpdateEndpoint would refuse this request.\n'
            "  DeploymentConfig.BlueGreenUpdatePolicy.TerminationWaitInSeconds: received 7200, but it must be at most "
            "3600.\n"
            f"Put it right, or see {PAGE}_UpdateEndpoint.html {LATELY}"
        ),
    ),
    "several variants machine by machine": (
        lambda scope: serve(
            scope,
            variants=named(scope, "A", "B"),
            deployment=zflow.Deployment.rolling(TENTH, wait_interval=MINUTE),
        ),
        (
            'Step "Endpoint": Deployment.rolling is for one variant on machines. Use all_at_once, canary or linear for '
            "several variants and for serverless ones."
        ),
    ),
    "waits that take longer than the step may": (
        lambda scope: serve(
            scope,
            deployment=zflow.Deployment.linear(TENTH, wait_interval=Duration.minutes(10)),
            timeout=Duration.hours(1),
        ),
        (
            'Step "Endpoint": timeout is 3600 seconds, and the waits of its deployment alone take 6300. Give a longer '
            "timeout, or shorter waits."
        ),
    ),
    "an update at once that would be rolled back before its end": too_long(
        "all_at_once",
        900,
        lambda: zflow.Deployment.all_at_once(termination_wait=Duration.minutes(15), max_duration=Duration.minutes(10)),
    ),
    "a canary that would be rolled back before its end": too_long(
        "canary",
        600,
        lambda: zflow.Deployment.canary(TENTH, wait_interval=Duration.minutes(5), max_duration=Duration.minutes(10)),
    ),
    "steps that would be rolled back before their end": too_long(
        "linear",
        900,
        lambda: zflow.Deployment.linear(TENTH, wait_interval=MINUTE, max_duration=Duration.minutes(10)),
    ),
    "batches that would be rolled back before their end": too_long(
        "rolling",
        600,
        lambda: zflow.Deployment.rolling(TENTH, wait_interval=MINUTE, max_duration=Duration.minutes(10)),
    ),
    "more errors than requests": (
        lambda _: zflow.Rollback(error_percent=101),
        "Rollback: error_percent is 101. Give 0 to 100.",
    ),
    "no alarm": (
        lambda _: zflow.Rollback(error_percent=0),
        (
            "Rollback: there is no alarm, so nothing would roll an update back. Give error_percent, latency_p99 or "
            "alarms of yours."
        ),
    ),
    "more alarms than SageMaker watches": (
        lambda scope: serve(
            scope,
            rollback=zflow.Rollback(
                alarms=[
                    cloudwatch.Alarm.from_alarm_arn(scope, f"A{n}", f"arn:aws:cloudwatch:::alarm:{n}")
                    for n in range(10)
                ]
            ),
        ),
        (
            "Rollback: 11 alarms, and SageMaker watches 10 at most. Put several into a CompositeAlarm, and give that "
            "one with error_percent=0."
        ),
    ),
}

SAMPLES: Mapping[str, Case] = {
    "an empty sample": (
        lambda _: zflow.SmokeTest.from_text("", content_type="text/csv"),
        "SmokeTest: the body has 0 bytes. The state machine sends it: give 1 to 65536.",
    ),
    "a sample that is too large": (
        lambda _: zflow.SmokeTest(b"x" * 65_537, "image/png"),
        "SmokeTest: the body has 65537 bytes. The state machine sends it: give 1 to 65536.",
    ),
    "a sample that isn't there": (
        lambda _: zflow.SmokeTest.from_file("nowhere/sample.csv", content_type="text/csv"),
        "SmokeTest: there is no file nowhere/sample.csv. Paths are relative to where cdk runs.",
    ),
    "captured nothing": (
        lambda _: zflow.DataCapture(requests=False, answers=False),
        "DataCapture: it keeps neither requests nor answers. Keep one of them, or remove it.",
    ),
    "captured, though nothing is": (
        lambda scope: serve(scope).captured,
        'Step "Endpoint" captures no data. Give data_capture=DataCapture(...).',
    ),
    "captured none": (
        lambda _: zflow.DataCapture(percent=0),
        "DataCapture: percent is 0. Give 1 to 100.",
    ),
}

CASES = {
    f"{group}: {use}": case
    for group, cases in {
        "names": NAMES,
        "what serves": WHAT_SERVES,
        "serverless": SERVERLESS,
        "asynchronous": ASYNCHRONOUS,
        "scaling": SCALING,
        "deployments": DEPLOYMENTS,
        "samples": SAMPLES,
    }.items()
    for use, case in cases.items()
}


@pytest.mark.parametrize(("use", "message"), CASES.values(), ids=CASES)
def test_a_wrong_use_of_an_endpoint_is_told_what_is_wrong_and_what_to_do(
    use: Callable[[Stack], object], message: str
) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        use(stack())
    assert str(raised.value) == message

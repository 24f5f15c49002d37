"""VPC, subnets, routes, gateways, endpoints, security groups, flow logs."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import (
    Create,
    Outputs,
    ResourceCreator,
    single_call,
    tagged,
)


def _vpc(creator: ResourceCreator) -> Outputs:
    settings = {
        "EnableDnsSupport": creator.take("enableDnsSupport"),
        "EnableDnsHostnames": creator.take("enableDnsHostnames"),
    }
    tags = tagged("vpc", creator.take("tags"))
    vpc = creator.rest("ec2", "CreateVpc", TagSpecifications=tags)["Vpc"]
    for attribute, value in settings.items():
        if value is not None:
            wanted = {attribute: {"Value": value}}
            creator.call("ec2", "ModifyVpcAttribute", VpcId=vpc["VpcId"], **wanted)
    return {"id": vpc["VpcId"]}


def _subnet(creator: ResourceCreator) -> Outputs:
    public = creator.take("mapPublicIpOnLaunch")
    tags = tagged("subnet", creator.take("tags"))
    answer = creator.rest("ec2", "CreateSubnet", TagSpecifications=tags)
    subnet = answer["Subnet"]["SubnetId"]
    if public:
        on = {"Value": True}
        creator.call("ec2", "ModifySubnetAttribute", SubnetId=subnet, MapPublicIpOnLaunch=on)
    return {"id": subnet}


def _internet_gateway(creator: ResourceCreator) -> Outputs:
    vpc = creator.take("vpcId")
    tags = tagged("internet-gateway", creator.take("tags"))
    answer = creator.call("ec2", "CreateInternetGateway", TagSpecifications=tags)
    gateway = answer["InternetGateway"]["InternetGatewayId"]
    creator.call("ec2", "AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    return {"id": gateway}


def _tagged(kind: str, operation: str, **outputs: str) -> Create:
    def make(creator: ResourceCreator) -> Outputs:
        tags = tagged(kind, creator.take("tags"))
        how = single_call("ec2", operation, outputs=outputs)
        if tags:
            creator.inputs["TagSpecifications"] = tags
        return how(creator)

    return make


def _default_group(creator: ResourceCreator) -> Outputs:
    vpc = creator.take("vpcId")
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    found = creator.call("ec2", "DescribeSecurityGroups", Filters=wanted)["SecurityGroups"][0]
    for direction, rules in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        if creator.take(direction.lower()):
            creator.fail(
                "the rehearsal only knows how to empty it", f"AuthorizeSecurityGroup{direction}"
            )
        _revoke(creator, direction, found["GroupId"], found[rules])
    return {"id": found["GroupId"]}


def _group(creator: ResourceCreator) -> Outputs:
    name = creator.named()
    description = creator.take("description", "Managed by Pulumi")
    answer = creator.rest("ec2", "CreateSecurityGroup", GroupName=name, Description=description)
    group = answer["GroupId"]
    found = creator.call("ec2", "DescribeSecurityGroups", GroupIds=[group])["SecurityGroups"][0]
    # the provider takes AWS's "everything out" away
    _revoke(creator, "Egress", group, found["IpPermissionsEgress"])
    return {"id": group, "name": name}


def _revoke(
    creator: ResourceCreator, direction: str, group: str, rules: list[dict[str, Any]]
) -> None:
    if rules:
        bare = [{name: value for name, value in rule.items() if value} for rule in rules]
        operation = f"RevokeSecurityGroup{direction}"
        creator.call("ec2", operation, GroupId=group, IpPermissions=bare)


def _rule(direction: str) -> Create:
    def make(creator: ResourceCreator) -> Outputs:
        permission: dict[str, Any] = {"IpProtocol": creator.take("ipProtocol")}
        for name, target in (("fromPort", "FromPort"), ("toPort", "ToPort")):
            port = creator.take(name)
            if port is not None:
                permission[target] = port
        source = creator.take("referencedSecurityGroupId")
        if source:
            permission["UserIdGroupPairs"] = [{"GroupId": source}]
        if block := creator.take("cidrIpv4"):
            permission["IpRanges"] = [{"CidrIp": block}]
        if block := creator.take("cidrIpv6"):
            permission["Ipv6Ranges"] = [{"CidrIpv6": block}]
        group = creator.take("securityGroupId")
        answer = creator.call(
            "ec2",
            f"AuthorizeSecurityGroup{direction}",
            GroupId=group,
            IpPermissions=[permission],
        )
        return {"id": answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]}

    return make


def _flow_log(creator: ResourceCreator) -> Outputs:
    answer = creator.rest(
        "ec2",
        "CreateFlowLogs",
        {"iamRoleArn": "DeliverLogsPermissionArn"},
        ResourceIds=[creator.take("vpcId")],
        ResourceType="VPC",
        LogDestinationType=creator.take("logDestinationType", "cloud-watch-logs"),
    )
    failed = answer.get("Unsuccessful")
    if failed:
        creator.fail(failed[0]["Error"]["Message"], "CreateFlowLogs")
    return {"id": answer["FlowLogIds"][0]}


CREATORS: Mapping[str, Create] = {
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:ec2/internetGateway:InternetGateway": _internet_gateway,
    "aws:ec2/eip:Eip": _tagged("elastic-ip", "AllocateAddress", id="response.AllocationId"),
    "aws:ec2/natGateway:NatGateway": _tagged(
        "natgateway", "CreateNatGateway", id="response.NatGateway.NatGatewayId"
    ),
    "aws:ec2/routeTable:RouteTable": _tagged(
        "route-table", "CreateRouteTable", id="response.RouteTable.RouteTableId"
    ),
    "aws:ec2/route:Route": single_call(
        "ec2", "CreateRoute", outputs={"id": "request.RouteTableId"}
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": single_call(
        "ec2", "AssociateRouteTable", outputs={"id": "response.AssociationId"}
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": single_call(
        "ec2", "CreateVpcEndpoint", outputs={"id": "response.VpcEndpoint.VpcEndpointId"}
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _default_group,
    "aws:ec2/securityGroup:SecurityGroup": _group,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("Ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("Egress"),
    "aws:ec2/flowLog:FlowLog": _flow_log,
}

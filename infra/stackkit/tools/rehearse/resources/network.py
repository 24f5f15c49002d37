"""VPC, subnets, routes, gateways, endpoints, security groups, flow logs."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import Make, Maker, Outputs, row, tagged


def _vpc(maker: Maker) -> Outputs:
    settings = {
        "EnableDnsSupport": maker.take("enableDnsSupport"),
        "EnableDnsHostnames": maker.take("enableDnsHostnames"),
    }
    tags = tagged("vpc", maker.take("tags"))
    vpc = maker.rest("ec2", "CreateVpc", TagSpecifications=tags)["Vpc"]
    for attribute, value in settings.items():
        if value is not None:
            wanted = {attribute: {"Value": value}}
            maker.call("ec2", "ModifyVpcAttribute", VpcId=vpc["VpcId"], **wanted)
    return {"id": vpc["VpcId"]}


def _subnet(maker: Maker) -> Outputs:
    public = maker.take("mapPublicIpOnLaunch")
    tags = tagged("subnet", maker.take("tags"))
    answer = maker.rest("ec2", "CreateSubnet", TagSpecifications=tags)
    subnet = answer["Subnet"]["SubnetId"]
    if public:
        on = {"Value": True}
        maker.call("ec2", "ModifySubnetAttribute", SubnetId=subnet, MapPublicIpOnLaunch=on)
    return {"id": subnet}


def _internet_gateway(maker: Maker) -> Outputs:
    vpc = maker.take("vpcId")
    tags = tagged("internet-gateway", maker.take("tags"))
    answer = maker.call("ec2", "CreateInternetGateway", TagSpecifications=tags)
    gateway = answer["InternetGateway"]["InternetGatewayId"]
    maker.call("ec2", "AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    return {"id": gateway}


def _tagged(kind: str, operation: str, **outputs: str) -> Make:
    def make(maker: Maker) -> Outputs:
        tags = tagged(kind, maker.take("tags"))
        how = row("ec2", operation, outputs=outputs)
        if tags:
            maker.inputs["TagSpecifications"] = tags
        return how(maker)

    return make


def _default_group(maker: Maker) -> Outputs:
    vpc = maker.take("vpcId")
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    found = maker.call("ec2", "DescribeSecurityGroups", Filters=wanted)["SecurityGroups"][0]
    for direction, rules in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        if maker.take(direction.lower()):
            maker.refuse(
                "the rehearsal only knows how to empty it", f"AuthorizeSecurityGroup{direction}"
            )
        _revoke(maker, direction, found["GroupId"], found[rules])
    return {"id": found["GroupId"]}


def _group(maker: Maker) -> Outputs:
    name = maker.named()
    description = maker.take("description", "Managed by Pulumi")
    answer = maker.rest("ec2", "CreateSecurityGroup", GroupName=name, Description=description)
    group = answer["GroupId"]
    found = maker.call("ec2", "DescribeSecurityGroups", GroupIds=[group])["SecurityGroups"][0]
    # the provider takes AWS's "everything out" away
    _revoke(maker, "Egress", group, found["IpPermissionsEgress"])
    return {"id": group, "name": name}


def _revoke(maker: Maker, direction: str, group: str, rules: list[dict[str, Any]]) -> None:
    if rules:
        bare = [{name: value for name, value in rule.items() if value} for rule in rules]
        operation = f"RevokeSecurityGroup{direction}"
        maker.call("ec2", operation, GroupId=group, IpPermissions=bare)


def _rule(direction: str) -> Make:
    def make(maker: Maker) -> Outputs:
        permission: dict[str, Any] = {"IpProtocol": maker.take("ipProtocol")}
        for name, target in (("fromPort", "FromPort"), ("toPort", "ToPort")):
            port = maker.take(name)
            if port is not None:
                permission[target] = port
        source, world = maker.take("referencedSecurityGroupId"), maker.take("cidrIpv4")
        if source:
            permission["UserIdGroupPairs"] = [{"GroupId": source}]
        if world:
            permission["IpRanges"] = [{"CidrIp": world}]
        group = maker.take("securityGroupId")
        answer = maker.call(
            "ec2",
            f"AuthorizeSecurityGroup{direction}",
            GroupId=group,
            IpPermissions=[permission],
        )
        return {"id": answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]}

    return make


def _flow_log(maker: Maker) -> Outputs:
    answer = maker.rest(
        "ec2",
        "CreateFlowLogs",
        {"iamRoleArn": "DeliverLogsPermissionArn"},
        ResourceIds=[maker.take("vpcId")],
        ResourceType="VPC",
        LogDestinationType=maker.take("logDestinationType", "cloud-watch-logs"),
    )
    failed = answer.get("Unsuccessful")
    if failed:
        maker.refuse(failed[0]["Error"]["Message"], "CreateFlowLogs")
    return {"id": answer["FlowLogIds"][0]}


ROWS: Mapping[str, Make] = {
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
    "aws:ec2/route:Route": row("ec2", "CreateRoute", outputs={"id": "request.RouteTableId"}),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": row(
        "ec2", "AssociateRouteTable", outputs={"id": "response.AssociationId"}
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": row(
        "ec2", "CreateVpcEndpoint", outputs={"id": "response.VpcEndpoint.VpcEndpointId"}
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _default_group,
    "aws:ec2/securityGroup:SecurityGroup": _group,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("Ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("Egress"),
    "aws:ec2/flowLog:FlowLog": _flow_log,
}
